"""What the pages that compare ask for: trials of one run, and runs of one protocol."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from animesearch.results.board import ranked_row
from animesearch.results.comparing import FEWEST, MOST, compare_runs, compare_trials
from animesearch.results.web.api import frame, unchanged
from animesearch.results.web.context import moment_of, named_run, store_of
from animesearch.results.web.store import Moment
from animesearch.results.web.trialapi import reals


def trials(request: Request) -> Response:
    """The trials that ``trials`` names, the best of the run where it names none."""
    moment = moment_of(request)
    if unchanged(request, str(moment.revision)):
        return JSONResponse({"revision": str(moment.revision), "unchanged": True})
    chosen = _named(request, "trials") or [ranked.trial_id for ranked in moment.ranking[:FEWEST]]
    for trial_id in chosen:
        if trial_id not in moment.state.trials:
            raise HTTPException(404, f"the run has no trial {trial_id}")
    found = compare_trials(moment.state, moment.configurations, chosen)
    found["trials"] = [
        {**_row(moment, trial_id), **one}
        for trial_id, one in zip(chosen, found["trials"], strict=True)
    ]
    others = [
        {"trial": ranked.trial_id, "place": ranked.place, "state": ranked.state}
        for ranked in moment.ranking
    ]
    return JSONResponse(
        {**frame(moment), **found, "reals": reals(moment), "others": others, "most": MOST}
    )


def _row(moment: Moment, trial_id: str) -> dict[str, Any]:
    ranked = next(ranked for ranked in moment.ranking if ranked.trial_id == trial_id)
    grids = moment.grids.get(trial_id, ())
    return {
        **ranked_row(ranked, list(ranked.params)),
        "grids": [(grid.images, grid.address) for grid in grids],
    }


def _named(request: Request, what: str) -> list[str]:
    """The names in the request, each once; 400 for too few or too many of them."""
    text = request.query_params.get(what, "")
    names = list(dict.fromkeys(name for name in text.split(",") if name))
    if names and not FEWEST <= len(names) <= MOST:
        raise HTTPException(400, f"{FEWEST} to {MOST} {what} can be compared, not {len(names)}")
    return names


def runs(request: Request) -> Response:
    """The runs that ``runs`` names; without names only which runs there are."""
    chosen = _named(request, "runs")
    known = [run.key for run in store_of(request).runs()]
    moments = {key: named_run(request, key).moment() for key in chosen}
    revision = "-".join([str(len(known)), *(str(moment.revision) for moment in moments.values())])
    if unchanged(request, revision):
        return JSONResponse({"revision": revision, "unchanged": True})
    pairs = {key: (moment.info, moment.state) for key, moment in moments.items()}
    compared = compare_runs(pairs) if pairs else None
    for row in compared["rows"] if compared else ():
        grids = moments[row["run"]].grids.get(row["trial"], ())
        row["thumbnail"] = grids[-1].address if grids else None
    return JSONResponse(
        {"revision": revision, "known": known, "compared": compared, "most": MOST}
    )  # fmt: skip


routes = [
    Route("/api/runs/{run}/compare", trials, name="api-compare"),
    Route("/api/compare", runs, name="api-compare-runs"),
]
