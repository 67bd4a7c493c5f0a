"""Processes that die: a trial's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.driver import drive
from tests.faults.machines import Machines, machines
from tests.faults.saboteur import Saboteur

TRIALS, REPORTS = 14, 28
"""At least so many scores arrive."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Machines]:
    with machines() as found:
        yield found


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_trials_process(ray: Machines, tmp_path: Path, signum: int) -> None:
    """Killed, or told to go, at five moments of one search: each trial goes on where it was."""
    at = moments(signum, REPORTS)
    with Saboteur(tmp_path, at, lambda pid: os.kill(pid, signum)) as saboteur:
        complete, _ = drive(tmp_path, TRIALS, seconds=0.1)
    assert complete and len(set(saboteur.struck)) == len(at)
    state = same_search(tmp_path, TRIALS)
    assert any(trial.attempt > 1 for trial in state.trials.values())
    nothing_left(tmp_path)
