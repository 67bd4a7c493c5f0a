"""One of the worker processes dies that train a trial together."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from animesearch.tuning.engine import Job, run_round
from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.driver import AT
from tests.faults.machines import Machines, alive, machines, until, until_gone
from tests.faults.saboteur import Saboteur
from tests.faults.teams import ALLOTMENT, team_trial
from tests.tuning.scripted import open_race
from tests.tuning.test_nested import needs_cleaner

TRIALS, REPORTS = 3, 7
"""At least so many scores arrive."""
LOOK_S, RUNG_S = 0.1, 0.5
"""Ray Train takes reports when it looks after its workers.  As in real training that is more often
than a rung comes, or the one before the last could be lost with them."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), needs_cleaner]


@pytest.fixture(scope="module")
def ray() -> Iterator[Machines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", str(LOOK_S))
        with machines(nodes=0, num_gpus=2, include_dashboard=True) as found:
            yield found


def both(folder: Path) -> list[int]:
    """The workers of the trial that was taken up last, once all of them train."""
    found: list[int] = []

    def there() -> bool:
        entries = sorted((folder / AT).iterdir(), key=lambda entry: entry.stat().st_mtime_ns)
        name = entries[-1].name.rpartition("-")[0]
        found[:] = [int(entry.read_text()) for entry in sorted((folder / AT).glob(f"{name}-*"))]
        return len(found) == ALLOTMENT.workers and all(alive(one) for one in found)

    until(there, "both workers train")
    return found


def test_a_worker_of_a_team(ray: Machines, tmp_path: Path) -> None:
    """SIGKILL to either at five moments: the other ends too, and the trial goes on where it was."""
    draw = random.Random(2)

    def strike(pid: int) -> None:
        team = both(tmp_path)
        os.kill(draw.choice(team), signal.SIGKILL)
        until_gone(team, "the trial's workers")

    race = open_race(tmp_path / "journal", TRIALS)
    shared = {"folder": str(tmp_path), "seconds": RUNG_S}
    job = Job(team_trial, shared, ALLOTMENT, tmp_path / "tune", retries=1)
    with Saboteur(tmp_path, moments(2, REPORTS), strike):
        assert run_round(race, job)
    state = same_search(tmp_path, TRIALS)
    assert sum(trial.attempt for trial in state.trials.values()) > TRIALS + 2
    nothing_left(tmp_path)
