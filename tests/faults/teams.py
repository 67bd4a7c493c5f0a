"""Trials that train nothing in two worker processes each."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from animesearch.trainers.together import Team
from animesearch.tuning.bridge import KEY
from animesearch.tuning.resources import Allotment
from animesearch.tuning.worker import _fit_nested
from tests.faults.driver import STEPS, keep, reported, tell_process
from tests.tuning.scripted import RUNGS

ALLOTMENT = Allotment(cpu=1.0, gpu=1.0, data_cpu=0.0, concurrency=1, workers=2)


def team_trial(config: dict[str, Any], shared: dict[str, Any]) -> None:
    """Tune's function: two worker processes, as a real trial starts them."""
    plan = SimpleNamespace(
        workers=ALLOTMENT.workers,
        worker=ALLOTMENT.worker_resources,
        folder=shared["folder"],
        uri="",
    )
    _fit_nested(config, cast(Any, shared), cast(Any, plan), {}, team_loop)


def team_loop(job: dict[str, Any]) -> None:
    """The loop in a worker process."""
    from ray import train

    from animesearch.tuning.teams import joined_team

    folder = Path(job["shared"]["folder"])
    with joined_team("cpu") as team:
        tell_process(folder, f"{job['config'][KEY]['trial_id']}-{team.rank}")
        _rungs(job, team, train.report)


def _rungs(job: dict[str, Any], team: Team, tell: Any) -> None:
    """Report each rung, which both workers have reached; worker 0 keeps the last one in a file."""
    trial, folder = job["config"][KEY], Path(job["shared"]["folder"])
    last = folder / "trials" / f"{trial['trial_id']}.txt"
    begun = team.first(lambda: int(last.read_text()) if last.exists() else 0)
    for rung in range(begun, len(RUNGS)):
        for _ in range(STEPS):
            time.sleep(job["shared"]["seconds"] / STEPS)
        team.first(lambda rung=rung: keep(last, rung))
        tell(reported(trial["trial"], rung))
