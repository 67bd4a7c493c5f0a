"""The process that scores for a node dies, while trials really train."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.results.ranking import rank
from animesearch.results.state import RunState
from tests.faults.checks import moments
from tests.faults.machines import alive, command, descendants, until
from tests.tuning.scripted_driver import reports_in
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[2]
SCORES = 8
"""So many arrive: each of four trials reaches two rungs."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SETTINGS = ("metric.samples=400", "search.scheduler={name: none, first_rung: 256}")


def search(folder: Path, scoring: str) -> subprocess.Popen[bytes]:
    """A small search through the command line."""
    words = [f"--set={setting}" for setting in (*SETTINGS, f"search.resources.scoring={scoring}")]
    line = [sys.executable, "-m", "animesearch", "run", "--space", str(write_space(folder))]
    environment = {"PYTHONPATH": str(ROOT), "ANIMESEARCH_CACHE": str(folder.parent / "cache")}
    return subprocess.Popen(
        [*line, "--out", str(folder / "run"), *words],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )


def scoring(driver: int) -> int:
    """The process that scores for this search, once there is one."""
    found: list[int] = []

    def there() -> bool:
        found[:] = [p for p in descendants(driver) if command(p).startswith("ray::FeatureActor")]
        found[:] = [pid for pid in found if not command(pid).startswith("ray::FeatureActors")]
        return bool(found)

    until(there, "somebody scores")
    return found[0]


def reached(journal: Path, reports: int) -> bool:
    return reports_in(journal) >= reports


def outcome(folder: Path) -> tuple[RunState, dict[str, list[float]], list[str]]:
    """The state, the scores of all rungs by trial, and the ranking."""
    state = RunFolder.open(folder / "run").state()
    scores = {
        name: [report.score for report in trial.rungs.values()]
        for name, trial in state.trials.items()
    }
    return state, scores, [ranked.trial_id for ranked in rank(state)]


def test_it_is_killed_at_five_moments(tmp_path: Path) -> None:
    """Ray starts it again: no trial is lost, restarted or scored otherwise."""
    assert search(tmp_path / "whole", "trial").wait() == 0
    at, killed = moments(11, SCORES - 1), list[int]()
    driver = search(tmp_path / "struck", "node")
    everybody: set[int] = set()
    journal = tmp_path / "struck/run/journal"
    for reports in at:
        until(partial(reached, journal, reports), "there")
        killed.append(scoring(driver.pid))
        everybody |= descendants(driver.pid)
        os.kill(killed[-1], signal.SIGKILL)
        until(lambda: not alive(killed[-1]), "it is gone")
    assert driver.wait() == 0
    assert len(set(killed)) == len(at)
    state, scores, ranking = outcome(tmp_path / "struck")
    whole, expected, order = outcome(tmp_path / "whole")
    assert scores == expected and ranking == order
    assert all(trial.done and trial.attempt == 1 for trial in state.trials.values())
    assert [t.ended.state for t in state.trials.values() if t.ended] == [
        t.ended.state for t in whole.trials.values() if t.ended
    ]
    until(lambda: not any(alive(pid) for pid in everybody), "no process is left")
