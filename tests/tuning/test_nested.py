"""Worker processes of Ray Train: one per trial, and several that train a trial together."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.tuning.cluster_session import CLEANING, ray_session
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[2]
CLEANED = tuple(int(part) for part in version("ray").split(".")[:2]) >= CLEANING
DEADLINE = 240
COMPARED = ("images", "loss_d", "loss_g", "grad_norm_d", "grad_norm_g")
slow = pytest.mark.slow
needs_cleaner = pytest.mark.skipif(not CLEANED, reason="stopped nested runs free nothing")
pytestmark = pytest.mark.timeout(600)


@pytest.mark.skipif(CLEANED, reason="this Ray frees what a stopped run held")
def test_a_ray_that_frees_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"needs Ray 2\.53 or newer"), ray_session(dashboard=True):
        pass


def command(folder: Path, *settings: str) -> list[str]:
    """A small search with nested trials."""
    given = [word for setting in settings for word in ("--set", f"search.{setting}")]
    space = str(write_space(folder))
    run = str(folder / "run")
    return [sys.executable, "-m", "animesearch", "run", "--space", space, "--out", run, *given]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "ANIMESEARCH_CACHE": str(folder / "cache")}


def run(folder: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    """It, to its end."""
    return subprocess.run(
        command(folder, *settings),
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


@slow
@needs_cleaner
def test_a_worker_process_per_trial_beside_another_ray(tmp_path: Path) -> None:
    """Two trials, one after the other: the second waits until what the first held is free."""
    with ray_session():
        done = run(tmp_path, "resources.workers=1", "trials=2", "images=256")
    assert done.returncode == 0, done.stdout + done.stderr
    state = RunFolder.open(tmp_path / "run").state()
    assert len(state.trials) == 2
    assert all(trial.rungs for trial in state.trials.values())


def children(pid: int) -> list[int]:
    """All descendants of a process."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found, news = [], [pid]
    while news:
        news = [child for child, parent in pairs if parent in news]
        found += news
    return found


def workers(pid: int) -> list[int]:
    """The worker processes that train, among the descendants of a search."""
    found = []
    for child in children(pid):
        try:
            title = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"RayTrainWorker" in title:
            found.append(child)
    return found


def until(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What ``condition`` gives, once it is something."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := condition():
            return found
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    raise AssertionError("it never came to that")


def steps(path: Path) -> list[list[float]]:
    """Losses of a trial's first steps: rounding makes later ones come apart."""
    with path.open() as file:
        rows = [[float(row[name]) for name in COMPARED] for row in csv.DictReader(file)]
    return [row for row in rows if row[0] <= 512]


@slow
@needs_cleaner
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_two_workers_are_stopped_killed_and_resumed(tmp_path: Path) -> None:
    """One of two workers is killed after a rung; ASHA stops a trial; nothing hangs.

    The steps are those of the same search with one process per trial, up to rounding.
    """
    settings = ("trials=2", "images=2048", "resources.cpu=1")
    path = tmp_path / "two/run"
    with subprocess.Popen(
        command(tmp_path / "two", "resources.workers=2", *settings),
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            until(lambda: list(path.glob("trials/t0000/checkpoints/*.ckpt")), process)
            os.kill(until(lambda: workers(process.pid), process)[-1], signal.SIGKILL)
            output, _ = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert process.returncode == 0, output
    trials = RunFolder.open(path).state().trials
    assert [trials[name].attempt for name in ("t0000", "t0001")] == [2, 1]
    assert {trial.state for trial in trials.values()} <= {"completed", "pruned"}
    assert run(tmp_path / "one", *settings).returncode == 0
    for name in trials:
        ours, theirs = (
            steps(tmp_path / side / "run/trials" / name / "losses.csv") for side in ("two", "one")
        )
        many = min(len(ours), len(theirs))
        assert many >= 8
        np.testing.assert_allclose(ours[:many], theirs[:many], rtol=0.05, atol=1e-3)
