"""What the wall asks for: every trial's grids through its training, and the reals."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from animesearch.results.board import ranked_row
from animesearch.results.formats import varying
from animesearch.results.web.api import chosen_trials, frame, unchanged
from animesearch.results.web.context import moment_of
from animesearch.results.web.trialapi import grid_rows, grid_shape, reals


def wall(request: Request) -> Response:
    """The trials that ``where`` is true of, in their order, with the address of each grid."""
    moment = moment_of(request)
    if unchanged(request, str(moment.revision)):
        return JSONResponse({"revision": str(moment.revision), "unchanged": True})
    names = varying([ranked.params for ranked in moment.ranking])
    chosen = chosen_trials(request, moment)
    panels = [
        {
            **ranked_row(ranked, names),
            "grids": grid_rows(moment, ranked.trial_id),
        }
        for ranked in chosen
    ]
    return JSONResponse(
        {
            **frame(moment),
            "reals": reals(moment),
            "shape": grid_shape(moment.info),
            "total": len(moment.ranking),
            "panels": panels,
        }
    )


routes = [Route("/api/runs/{run}/wall", wall, name="api-wall")]
