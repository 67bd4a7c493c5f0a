"""Wall clocks that jump: by an hour forwards and back, in the driver and in its trials."""

from __future__ import annotations

import random
import re
import time
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from animesearch.cluster.status import folder_status, run_lines
from animesearch.metrics.evaluator import Draw, Score
from animesearch.results.folder import RunFolder
from animesearch.results.journal import read_journal
from animesearch.results.story import log
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.loop import train
from animesearch.trainers.setting import TrialSetting
from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.keeping.search import (
    CLOCK,
    Arrivals,
    Listening,
    Meanwhile,
    WrongClock,
    drive_keeping,
    leave_word,
)
from tests.faults.machines import Machines
from tests.results.scripted_run import run_info
from tests.trainers.conftest import discs

TRIALS, REPORTS = 14, 28
HOUR = 3600
PACKAGE = Path(__file__).parents[3] / "animesearch"
WALL_CLOCK = re.compile(
    r"\btime\.time\b|\btime_ns\b|\bdatetime\.(now|utcnow)\b|\bdate\.today\b"
    r"|^from time import .*\btime\b",
    re.MULTILINE,
)
LOOKERS = {
    "cluster/status.py": "how long ago the last event was, for the screen",
    "commands/cluster.py": "the name of a job",
    "datasets/memory.py": "compared with the times of files, which are of the same clock",
    "datasets/remote.py": "compared with the times of objects",
    "results/live.py": "the time of day on the screen",
    "results/plain.py": "the time of day on the screen",
    "results/stages.py": "the time of day on the screen",
    "results/web/mirrored.py": "the time of day on a page",
    "storage/copies.py": "for how many days nobody has used a copy",
    "tuning/finals.py": "when something happened, for the journal",
    "tuning/finish.py": "when something happened, for the journal",
    "tuning/launch.py": "when something happened, for the journal, and the name of a run",
    "tuning/loggers/mlflow.py": "when something happened, for MLflow",
    "tuning/loggers/tensorboard.py": "when something happened, for TensorBoard",
    "tuning/race.py": "when something happened, for the journal",
    "tuning/rounds.py": "when something happened, for the journal",
}
"""Modules that look at the wall clock, and what for: nothing is decided or measured by it."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_clocks_that_jump(ray: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At five moments: the same search, told in its order, and nothing took less than no time."""
    run, words = RunFolder.create(tmp_path / "run"), tmp_path / "words"
    run.write_info(run_info(trials=TRIALS))
    arrivals = Arrivals(run.path)
    jumps = random.Random(5).sample([HOUR, HOUR, -HOUR, -HOUR, -HOUR], 5)

    def fault() -> None:
        for reports, wrong in zip(moments(5, REPORTS), accumulate(jumps), strict=True):
            arrivals.wait(reports)
            leave_word(words / CLOCK, wrong)

    monkeypatch.setattr(time, "time", WrongClock(words))
    with Meanwhile(fault):
        complete, _ = drive_keeping(run, TRIALS, words, Listening())
    assert complete
    state = same_search(run.path, TRIALS)
    assert {trial.attempt for trial in state.trials.values()} == {1}
    steps = [b.at - a.at for a, b in pairwise(read_journal(run.journal)[1:])]
    assert min(steps) < 60 - HOUR and max(steps) > HOUR - 60, "both jumps stand in the journal"
    for trial in state.trials.values():
        told = [line.partition(":")[0].partition(" at ")[0] for _, line in log(trial)]
        rungs = [f"rung {rung}" for rung in trial.rungs for _ in ("reported", "decided")]
        assert told == ["the sampler gave the configuration", *rungs, trial.state]
    assert not any("-" in line.partition("(")[2] for line in run_lines(folder_status(run)))
    nothing_left(words)


def test_a_trial_measures_by_another_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real training while the wall clock jumps at every look."""
    rng, right = random.Random(6), time.time
    monkeypatch.setattr(time, "time", lambda: right() + rng.choice((-HOUR, HOUR)))
    config = TrialConfig.model_validate(
        {"architecture": {"name": "penn-dcgan", "width": 4, "latent": 8}, "batch": 8}
    )
    setting = TrialSetting(tmp_path / "t0000", 16, 3, images=96, rungs=(32, 96), tick=16)
    images_NCHW = discs(8, 16, 3)

    def brightness(draw: Draw) -> Score:
        return Score(float(draw(0, 16).float().mean()), "brightness", 16)

    reports = list(train(config, setting, lambda images: images_NCHW, brightness))
    seconds = [report.device_seconds for report in reports]
    assert all(0 < a < b < 60 for a, b in pairwise(seconds))
    assert all(report.images_per_second > 0 for report in reports)
    assert all(0 <= r.metric_seconds < 60 for r in reports if r.metric_seconds is not None)


def test_who_looks_at_the_wall_clock() -> None:
    """No timeout and no duration: those are taken from clocks that nobody sets."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if WALL_CLOCK.search(path.read_text())
    }
    assert found <= LOOKERS.keys()
