"""What the page of the space asks for."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from animesearch.results.space_view import heat_words, space_view, spending_rows, told
from animesearch.results.web.api import chosen_trials, frame, unchanged
from animesearch.results.web.context import moment_of
from animesearch.results.web.store import Moment


def space(request: Request) -> Response:
    """The space of the trials that ``where`` is true of, by the scores at ``rung`` if given."""
    moment = moment_of(request)
    if unchanged(request, str(moment.revision)):
        return JSONResponse({"revision": str(moment.revision), "unchanged": True})
    rung = _rung(request, moment)
    view = space_view(moment.info, moment.state, chosen_trials(request, moment), rung)
    heads, rows = spending_rows(view.spending)
    return JSONResponse(
        {
            **frame(moment),
            "total": len(moment.state.of_phase("race")),
            "rung": rung,
            **told(view),
            "heat_words": heat_words(view.heat),
            "spending_table": {"heads": heads, "rows": rows},
        }
    )


def _rung(request: Request, moment: Moment) -> int | None:
    """The number of a rung, 400 for what is none; None: each trial by its best."""
    text = request.query_params.get("rung", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise HTTPException(400, "rung is a number from 0")
    rungs = max([len(moment.info.rungs), *(r.rung + 1 for r in moment.state.reports)])
    if int(text) >= rungs:
        raise HTTPException(400, f"the run has {rungs} rungs: 0 to {rungs - 1}")
    return int(text)


routes = [Route("/api/runs/{run}/space", space, name="api-space")]
