"""A disk that fills up during a real search: it waits, says so, and loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.storage.patience import PAUSE
from animesearch.tuning.race import replay
from animesearch.tuning.schedulers.asha import Asha
from tests.storage.disks import fill, mounted
from tests.tuning.scripted_driver import reports_in, wait_until
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[2]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with the room that a run asks for, and a little more."""
    with mounted(tmp_path / "disk", "220m") as folder:
        yield folder


@pytest.mark.slow
def test_a_full_disk_pauses_a_search(disk: Path, tmp_path: Path) -> None:
    """Filled when the first score is in: a worker or the journal has no room, until there is."""
    space, run, log = write_space(tmp_path), disk / "run", tmp_path / "log.txt"
    command = [sys.executable, "-m", "animesearch", "run", "--space", str(space), "--out", str(run)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), PAUSE: "0.2"}
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        wait_until(process, lambda: reports_in(run / "journal") >= 1)
        ballast = fill(disk)
        wait_until(process, lambda: "no room left" in log.read_text())
        ballast.unlink()
        assert process.wait(timeout=240) == 0, log.read_text()
    folder = RunFolder.open(run)
    state = folder.state()
    assert state.outcome == "complete" and len(state.trials) == 4
    assert not state.by_state("failed") and {t.attempt for t in state.trials.values()} == {1}
    assert replay(Asha(first_rung=128), state, folder.info().rungs) == []
    assert "works again" in log.read_text() and "Traceback" not in log.read_text()
