"""What pages ask for again and again: the runs, and a run's ranking.

Every answer carries its ``revision``; who sends it back as ``since`` is told ``unchanged`` where
it still holds, so that a tick costs a few looks at the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from animesearch.errors import RunFolderError
from animesearch.results.board import parameter_columns
from animesearch.results.filters import (
    FilterError,
    compile_filter,
    configuration_fields,
    filter_fields,
)
from animesearch.results.ranking import Ranked
from animesearch.results.records import Scalar
from animesearch.results.web.context import moment_of, store_of
from animesearch.results.web.store import Moment, Run

R = TypeVar("R")


def runs(request: Request) -> Response:
    """Every run in short; one whose run.json cannot be read says so."""
    return JSONResponse({"runs": [_run_row(run) for run in store_of(request).runs()]})


def _run_row(run: Run) -> dict[str, Any]:
    try:
        moment = run.moment()
    except RunFolderError as error:
        return {"key": run.key, "problem": str(error)}
    best = next((ranked for ranked in moment.configurations if ranked.place == 1), None)
    return {
        "key": run.key,
        "best": {"trial": best.best_trial, "score": best.score} if best else None,
        "thumbnail": _newest(moment, best.best_trial) if best else None,
        "damage": len(moment.damage),
        **moment.facts,
    }


def ranking(request: Request) -> Response:
    """The configurations in their order; those that ``where`` is true of."""
    moment = moment_of(request)
    if unchanged(request, str(moment.revision)):
        return JSONResponse({"revision": str(moment.revision), "unchanged": True})
    fields = configuration_fields(moment.info.metric, moment.configurations)
    matches = condition(request, fields)
    chosen = {row.config_id for row in moment.configurations if matches(row)}
    return JSONResponse(
        {
            **frame(moment),
            "parameters": parameter_columns(moment.configurations),
            "total": len(moment.rows),
            "rows": [
                {**row, "thumbnail": _newest(moment, row["trial"])}
                for row in moment.rows
                if row["config"] in chosen
            ],
        }
    )


def frame(moment: Moment) -> dict[str, Any]:
    """What every answer about a run begins with."""
    return {
        "revision": str(moment.revision),
        "run": moment.facts,
        "damage": [vars(damage) for damage in moment.damage[:50]],
    }


def unchanged(request: Request, revision: str) -> bool:
    """Whether the page that asks holds this revision already."""
    return request.query_params.get("since") == revision


def chosen_trials(request: Request, moment: Moment) -> list[Ranked]:
    """The trials that the request's ``where`` is true of."""
    matches = condition(request, filter_fields(moment.info.metric, moment.ranking))
    return [ranked for ranked in moment.ranking if matches(ranked)]


def condition(request: Request, fields: Mapping[str, Callable[[R], Scalar]]) -> Callable[[R], bool]:
    """The request's ``where`` over rows with these fields; 400 for a mistake in it."""
    try:
        return compile_filter(request.query_params.get("where", ""), fields)
    except FilterError as error:
        raise HTTPException(
            400, error.problem, headers={"X-Filter-Position": str(error.position)}
        ) from None


def _newest(moment: Moment, trial_id: str) -> str | None:
    grids = moment.grids.get(trial_id, ())
    return grids[-1].address if grids else None


routes = [
    Route("/api/runs", runs, name="api-runs"),
    Route("/api/runs/{run}/ranking", ranking, name="api-ranking"),
]
