"""The process of a trial dies while it really trains."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from animesearch.results.folder import RunFolder
from animesearch.results.ranking import rank
from animesearch.results.state import RunState
from animesearch.tuning import launch
from animesearch.tuning.cluster_session import ray_session
from tests.faults.checks import moments
from tests.faults.machines import command, descendants, nothing_held, until, until_gone
from tests.faults.saboteur import Saboteur
from tests.tuning.small import write_space

TRIALS, REPORTS = 3, 4
"""At least so many scores arrive."""
OVERRIDES = (f"search.trials={TRIALS}", "search.finalists.nearest=0")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, ray_session():
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def search(folder: Path) -> RunState:
    """A whole small search, one trial at a time."""
    space = write_space(folder)
    assert launch.start(str(space), OVERRIDES, folder / "run") == launch.DONE
    return RunFolder.open(folder / "run").state()


def trials_process(_: Path) -> int:
    """The process that trains, once there is one."""
    found: list[int] = []

    def there() -> bool:
        found[:] = [p for p in descendants(os.getpid()) if "ImplicitFunc" in command(p)]
        return bool(found)

    until(there, "a trial runs")
    return found[0]


def outcome(state: RunState) -> list[tuple[Any, ...]]:
    """What is said of each trial; scores are another list, for they are rounded."""
    return [(t.trial_id, t.state, t.created.config_id, len(t.rungs)) for t in state.trials.values()]


def scores(state: RunState) -> list[float]:
    """Of all rungs, and on fresh samples."""
    fresh = [t.rescored.score for t in state.trials.values() if t.rescored]
    return [report.score for report in state.reports] + fresh


def test_a_trials_process_in_real_training(ray: None, tmp_path: Path) -> None:
    """Killed twice: the same kills, scores and ranking as of the search that nobody disturbed."""
    whole = search(tmp_path / "whole")
    struck = tmp_path / "struck"
    at = moments(1, REPORTS, 2)
    kill = Saboteur(
        struck / "run", at, lambda pid: os.kill(pid, signal.SIGKILL), find=trials_process
    )
    with kill as saboteur:
        state = search(struck)
    assert len(set(saboteur.struck)) == len(at)
    assert any(trial.attempt > 1 for trial in state.trials.values())
    assert outcome(state) == outcome(whole)
    assert scores(state) == pytest.approx(scores(whole), abs=5e-4)
    assert [one.trial_id for one in rank(state)] == [one.trial_id for one in rank(whole)]
    until_gone(saboteur.struck, "the trials' processes")
    until(nothing_held, "all of the machine is free")
