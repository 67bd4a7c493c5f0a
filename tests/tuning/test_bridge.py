"""The race behind Tune's interfaces, without Ray: nothing grows with the trials of a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from ray.tune.experiment import Trial
from ray.tune.trainable.metadata import _TrainingRunMetadata

from animesearch.tuning.bridge import KEY, Forgetful, RaceScheduler, RaceSearcher
from tests.tuning.scripted import open_race


@dataclass(eq=False)
class ToldTrial:
    """What the scheduler looks at of one of Tune's trials."""

    name: str
    status: str = Trial.PENDING

    @property
    def config(self) -> dict[str, Any]:
        return {KEY: {"trial_id": self.name}}


@dataclass
class Controller:
    """Tune's, which shows the trials that have not ended, and must not be asked for all."""

    live: set[ToldTrial] = field(default_factory=set)

    def get_live_trials(self) -> set[ToldTrial]:
        return self.live

    def get_trials(self) -> list[ToldTrial]:
        pytest.fail("looks at all trials of the search")


def _scheduler(folder: Path, count: int) -> tuple[RaceScheduler, Controller, list[ToldTrial]]:
    race = open_race(folder, trials=count)
    trials = [ToldTrial(cast(Any, race.next()).trial_id) for _ in range(count)]
    scheduler, controller = RaceScheduler(race), Controller(set(trials))
    for trial in trials:
        scheduler.on_trial_add(controller, cast(Any, trial))
    return scheduler, controller, trials


def test_the_first_that_waits_is_run(tmp_path: Path) -> None:
    """In the order of submission, whatever order a set has; one that runs is passed over."""
    scheduler, controller, trials = _scheduler(tmp_path, 40)
    for trial in trials[:-1]:
        assert scheduler.choose_trial_to_run(controller) is cast(Any, trial)
        trial.status = Trial.RUNNING
    trials[3].status = Trial.PENDING  # its process was lost
    assert scheduler.choose_trial_to_run(controller) is cast(Any, trials[3])


def test_nothing_is_run_where_nothing_waits(tmp_path: Path) -> None:
    scheduler, controller, trials = _scheduler(tmp_path, 2)
    for trial in trials:
        trial.status = Trial.RUNNING
    assert scheduler.choose_trial_to_run(controller) is None


def test_ended_trials_are_not_kept(tmp_path: Path) -> None:
    scheduler, controller, trials = _scheduler(tmp_path, 4)
    for trial in trials:
        scheduler.on_trial_complete(controller, cast(Any, trial), {})
    assert not scheduler._place


def test_tune_keeps_none_of_a_reports_numbers() -> None:
    """What Tune goes on with is its own bookkeeping; the configuration is not kept twice."""
    report = {"score": 2.5, "rung": 0, "loss_d": 0.3, "config": {"lr": 1e-3}}
    own = {"training_iteration": 7, "time_total_s": 3.0, "pid": 5, "should_checkpoint": True}
    result = {**report, **own}
    Forgetful().on_trial_result(0, [], cast(Any, None), result)
    assert result == own


def test_what_tune_remembers_of_a_number() -> None:
    """Why reports are stripped; when this fails, Tune may have become thrifty itself."""
    known = _TrainingRunMetadata()
    known.update_metric("loss_d", 0.3)
    assert len(known.metric_analysis["loss_d"]) > 5
    assert known.metric_n_steps["loss_d"]


def test_the_searcher_keeps_to_its_number_by_itself(tmp_path: Path) -> None:
    """Tune's limiter around it stays out: it does not know of trials that are handed out again."""
    from ray.tune.search import ConcurrencyLimiter

    race = open_race(tmp_path, trials=5)
    searcher = ConcurrencyLimiter(RaceSearcher(race, 2), max_concurrent=2)
    names = [searcher.suggest(f"tune-{number}") for number in range(3)]
    assert [name is None for name in names] == [False, False, True]
    race.lost("t0000")
    again = searcher.suggest("tune-4")
    assert isinstance(again, dict)
    assert again[KEY]["trial_id"] == "t0000"
