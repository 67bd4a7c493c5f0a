"""The driver dies: a search is resumed again and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.tuning import launch
from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.machines import Machines, machines
from tests.tuning.scripted_driver import reports_in, wait_until

ROOT = Path(__file__).parents[2]
CASES = [(signal.SIGKILL, 14, 20, 0.2), (signal.SIGTERM, 8, 10, 1.0)]
"""How it dies; trials; less than all scores, so that every fault meets a search that goes on;
seconds from rung to rung, in which the word to leave must reach a trial."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Machines]:
    with machines(nodes=0, num_gpus=1) as found:
        yield found


def driver(folder: Path, trials: int, seconds: float, address: str) -> subprocess.Popen[bytes]:
    """Starts or resumes the search; what it says goes to the log."""
    words = [str(folder), str(trials), str(seconds), address]
    with (folder / "log.txt").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.program", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def strike(folder: Path, process: subprocess.Popen[bytes], reports: int, signum: int) -> int:
    """Once the journal holds so many reports; the exit code."""
    wait_until(process, lambda: reports_in(folder / "journal") >= reports)
    process.send_signal(signum)
    return process.wait(timeout=120)


@pytest.mark.parametrize(("signum", "trials", "reports", "seconds"), CASES)
def test_the_driver(
    ray: Machines, tmp_path: Path, signum: int, trials: int, reports: int, seconds: float
) -> None:
    """Killed, or told to go, at five moments of one search, and resumed each time at once."""
    for moment in moments(20 + signum, reports):
        enough = max(moment, reports_in(tmp_path / "journal") + 1)
        process = driver(tmp_path, trials, seconds, ray.address)
        code = strike(tmp_path, process, enough, signum)
        said = (tmp_path / "log.txt").read_text()
        outcome = RunFolder(tmp_path).state().outcome
        if signum == signal.SIGTERM:
            assert (code, outcome) == (launch.INTERRUPTED, "interrupted"), said
            assert f"animesearch resume {tmp_path}" in said and "Traceback" not in said
        else:
            assert (code, outcome) == (-signal.SIGKILL, "")
    assert driver(tmp_path, trials, seconds, ray.address).wait(timeout=120) == launch.DONE
    state = same_search(tmp_path, trials)
    assert state.sessions == 6 and state.outcome == "complete"
    assert any(trial.attempt > 1 for trial in state.trials.values())
    nothing_left(tmp_path)
