"""``benchmarks/scale.py``: a search under Ray Tune on several nodes, small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from animesearch.results.journal import read_journal
from animesearch.results.state import fold

ROOT = Path(__file__).parents[1]
TRIALS, NODES, GPUS = 12, 2, 2
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run and its numbers are."""
    folder = tmp_path_factory.mktemp("scale")
    script = [sys.executable, str(ROOT / "benchmarks" / "scale.py"), "ray", "--pause", "0.05"]
    script += ["--trials", str(TRIALS), "--nodes", str(NODES), "--gpus", str(GPUS)]
    script += ["--out", str(folder), "--json", str(folder / "numbers.json")]
    subprocess.run(script, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture
def numbers(kept: Path) -> dict[str, Any]:
    (row,) = json.loads((kept / "numbers.json").read_text())["ray"]
    assert isinstance(row, dict)
    return row


def test_every_trial_ends_once(kept: Path, numbers: dict[str, Any]) -> None:
    """The run that is left is whole, and its numbers are of it."""
    events = read_journal(kept / f"ray-{TRIALS}" / "journal")
    state = fold(events)
    assert state.outcome == "complete"
    assert len(state.trials) == TRIALS == numbers["trials"]
    assert {trial.state for trial in state.trials.values()} == {"completed", "pruned"}
    assert numbers["reports"] > len(state.reports), "progress is reported between the rungs too"


def test_the_cluster_is_filled_from_the_start(kept: Path, numbers: dict[str, Any]) -> None:
    """As many trials are handed out at once as it has GPUs, and their processes are used again."""
    kinds = [event.kind for event in read_journal(kept / f"ray-{TRIALS}" / "journal")]
    assert kinds[1 : NODES * GPUS + 1] == ["trial-created"] * NODES * GPUS
    assert numbers["at a time"] <= NODES * GPUS
    assert 1 <= numbers["processes"] < TRIALS


def test_costs_add_up(numbers: dict[str, Any]) -> None:
    """The shares of the driver's time are those of a whole; nothing is for nothing."""
    shares = [numbers[f"{share} ms"] for share in ("race", "tune", "threads")]
    assert all(share > 0 for share in shares)
    assert sum(shares) == pytest.approx(numbers["driver ms"], rel=1e-6)
    assert numbers["peak MB"] > numbers["memory MB"] > 0
    assert numbers["cluster s"] > 0


def test_tune_keeps_less_than_the_journal_tells(numbers: dict[str, Any]) -> None:
    """Of every trial: not each number's extremes, means and last values."""
    assert numbers["Tune kB"] < 60
    assert numbers["journal MB"] > 0
    assert numbers["tune files"] < TRIALS
