"""The race under a real Ray Tune, to the end and interrupted; ``tests/faults`` has it killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from animesearch.results.journal import read_journal
from animesearch.results.state import fold
from animesearch.tuning.bridge import told
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.finals import FinalsPlan
from animesearch.tuning.race import replay
from animesearch.tuning.schedulers.asha import Asha
from tests.tuning.scripted import RUNGS, outcome
from tests.tuning.scripted_driver import drive, drive_finals, reports_in, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with ray_session():
        yield


@pytest.fixture(scope="module")
def whole(ray: None, tmp_path_factory: pytest.TempPathFactory) -> list:
    """The outcome of an undisturbed search of 12 trials, one at a time."""
    complete, state = drive(tmp_path_factory.mktemp("whole"), trials=12, concurrency=1)
    assert complete
    return outcome(state)


def test_tunes_own_words_stay_out() -> None:
    """What Tune adds to a report holds the machine's name and address."""
    ray_adds = {"hostname": "mine", "node_ip": "127.0.0.1", "pid": 3, "config/assignment/seed": 1}
    assert told({"score": 2.5, "rung": 0, **ray_adds, "date": "now"}) == {"score": 2.5, "rung": 0}


def test_search_under_tune_is_the_race(whole: list, tmp_path: Path) -> None:
    """Tune adds nothing to the decisions: the same as imaginary workers in one process."""
    from tests.tuning.scripted import Workers, open_race

    race = open_race(tmp_path, trials=12)
    Workers(race, 1).run()
    assert whole == outcome(race.state)
    assert sum(row[3] == "pruned" for row in whole) >= 2


def test_several_at_a_time_replay_gives_the_same_decisions(ray: None, tmp_path: Path) -> None:
    complete, state = drive(tmp_path, trials=10, concurrency=2)
    assert complete and len(state.trials) == 10
    events = read_journal(tmp_path / "journal")
    assert replay(Asha(), fold(events), RUNGS) == []
    first = [event.kind for event in events[:3]]
    assert first == ["run-opened", "trial-created", "trial-created"], "both processes at once"


def test_broken_trials_fail_alone(ray: None, tmp_path: Path) -> None:
    complete, state = drive(tmp_path, trials=10, concurrency=1, broken_width=4)
    failed = [t for t in state.trials.values() if t.state == "failed"]
    assert complete
    assert failed and all(t.config["width"] == 4 for t in failed)
    assert "this width is broken" in failed[0].ended.message  # type: ignore[union-attr]
    assert all(t.attempt == 2 for t in failed), "one retry each"
    assert {t.state for t in state.trials.values()} > {"failed"}


def test_a_race_without_anything_left_needs_no_tune(tmp_path: Path) -> None:
    """A run killed while its best are scored again: Tune refuses an empty population."""
    from animesearch.tuning.engine import run_round
    from tests.tuning.scripted import Workers, open_race

    Workers(open_race(tmp_path, trials=3), 1).run()
    assert run_round(open_race(tmp_path, trials=3), cast(Any, None))


def test_finals_under_tune_are_the_finals(ray: None, tmp_path: Path) -> None:
    """In the same session after the race: what imaginary workers in one process do."""
    from tests.tuning.scripted import Workers, open_finals, open_race

    plan = FinalsPlan(RUNGS, seed=0, top=2, seeds=2)
    Workers(open_race(tmp_path / "a" / "journal", trials=6), 1).run()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    Workers(open_finals(tmp_path / "a" / "journal", plan), 1).run()
    complete, state = drive_finals(tmp_path / "b", plan, concurrency=1)
    assert complete and len(state.of_phase("final")) == 4
    assert outcome(state) == outcome(fold(read_journal(tmp_path / "a" / "journal")))
    assert drive_finals(tmp_path / "b", plan, concurrency=1)[0], "nothing left: no Tune run"
    assert [path.name for path in (tmp_path / "b" / "tune").iterdir()] == ["session-2-final"]


@pytest.mark.slow
def test_ctrl_c_and_resume(whole: list, tmp_path: Path) -> None:
    assert _interrupted(tmp_path, reports=3) == 130
    states = {t.state for t in fold(read_journal(tmp_path / "journal")).trials.values()}
    assert "failed" not in states, "an interruption is nobody's failure"
    complete, state = drive(tmp_path, trials=12, concurrency=1)
    assert complete and outcome(state) == whole


def _interrupted(folder: Path, reports: int) -> int:
    """Start a search in a process of its own, send it SIGINT at a report; its exit code."""
    command = [sys.executable, "-m", "tests.tuning.scripted_driver", str(folder), "12", "1", "0.2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    wait_until(process, lambda: reports_in(folder / "journal") >= reports)
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=60)
