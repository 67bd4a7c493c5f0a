"""What every handler of a request needs: the store, the run and the trial that it is about."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from animesearch.results.state import TrialRecord
from animesearch.results.web.store import Moment, Run, Store


def store_of(request: Request) -> Store:
    """The store of the application."""
    store: Store = request.app.state.store
    return store


def run_of(request: Request) -> Run:
    """The run in the address; 404 for another."""
    return named_run(request, request.path_params["run"])


def named_run(request: Request, key: str) -> Run:
    """The run of that name; 404 for another."""
    try:
        return store_of(request).run(key)
    except KeyError:
        raise HTTPException(404, f"there is no run {key}") from None


def moment_of(request: Request) -> Moment:
    """The run in the address, as it stands now."""
    return run_of(request).moment()


def trial_of(request: Request, moment: Moment) -> TrialRecord:
    """The trial in the address; 404 for one that the run has not."""
    trial = moment.state.trials.get(request.path_params["trial"])
    if trial is None:
        raise HTTPException(404, f"the run has no trial {request.path_params['trial']}")
    return trial
