"""Processes that die: a trial's."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.driver import AT, drive
from tests.faults.machines import Machines, alive, machines, until
from tests.tuning.scripted_driver import reports_in

TRIALS, REPORTS = 14, 28
"""At least so many scores arrive."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Machines]:
    with machines() as found:
        yield found


def training(folder: Path) -> int:
    """The process of the trial that was taken up last, once it runs."""
    found: list[int] = []

    def there() -> bool:
        entries = (folder / AT).glob("*") if (folder / AT).exists() else ()
        found[:] = [int(p.read_text()) for p in sorted(entries, key=lambda p: p.stat().st_mtime_ns)]
        return bool(found) and alive(found[-1])

    until(there, "a trial runs")
    return found[-1]


class Saboteur:
    """Strikes at moments of a search that goes on in this process meanwhile."""

    def __init__(self, folder: Path, at: list[int], strike: Callable[[int], None]) -> None:
        self._folder, self._at, self._strike = folder, at, strike
        self.struck: list[int] = []
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Saboteur:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join(10)
        assert len(self.struck) == len(self._at), "every fault struck"

    def _work(self) -> None:
        for reports in self._at:
            until(lambda reports=reports: reports_in(self._folder / "journal") >= reports, "there")
            pid = training(self._folder)
            self._strike(pid)
            self.struck.append(pid)
            until(lambda pid=pid: not alive(pid), "the process is gone")


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
