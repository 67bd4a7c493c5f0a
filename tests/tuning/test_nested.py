"""``workers: 1``: a Ray Train worker process per trial, on a machine without another Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.tuning.cluster_session import ray_session
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def nested(folder: Path) -> subprocess.CompletedProcess[str]:
    """A small search with nested trials, in a process of its own."""
    command = [
        *(sys.executable, "-m", "animesearch", "run", "--space", str(write_space(folder))),
        *("--out", str(folder / "run"), "--set", "search.resources.workers=1"),
        *("--set", "search.trials=2", "--set", "search.images=256"),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ANIMESEARCH_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_train_worker_process_per_trial(tmp_path: Path) -> None:
    done = nested(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    state = RunFolder.open(tmp_path / "run").state()
    assert len(state.trials) == 2
    assert all(trial.rungs for trial in state.trials.values())


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for other Rays in /proc")
def test_beside_another_ray_it_is_refused_not_hung(tmp_path: Path) -> None:
    with ray_session():
        done = nested(tmp_path)
    assert done.returncode == 2
    assert "no other Ray runs" in done.stderr and not (tmp_path / "run").exists()
