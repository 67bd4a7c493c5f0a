"""Scores that are made elsewhere: the trial trains on, and tells the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from animesearch.errors import LeavingError, MetricError, NoSpreadError
from animesearch.metrics.evaluator import Draw, Score
from animesearch.metrics.verdict import VerdictRules
from animesearch.trainers.checkpoint import (
    best_checkpoint,
    checkpoint_files,
    load_checkpoint,
    read_info,
)
from animesearch.trainers.loop import train
from animesearch.trainers.report import Report
from animesearch.trainers.scores import ScoreFunction
from animesearch.trainers.setting import TrialSetting
from tests.trainers.test_leaving import leave_after
from tests.trainers.test_loop import brightness, steady, weights
from tests.trainers.test_together import Plan, reports_of
from tests.trainers.workers import together

Make = Callable[..., Any]
RUNGS: dict[str, Any] = {"images": 160, "rungs": (32, 96, 160), "tick": 16}
"""Ticks between the rungs: after 48, 64 and 80, and after 112, 128 and 144 images."""
NEVER = 10**9


@dataclass
class Later:
    """A score that is there at the question after so many; the images were drawn at once."""

    score: Score | MetricError
    questions: int
    waited: int = 0

    def done(self) -> bool:
        self.questions -= 1
        return self.questions < 0

    def result(self) -> Score:
        self.waited += 1
        if isinstance(self.score, MetricError):
            raise self.score
        return self.score


def later(questions: int, made: list[Later] | None = None) -> ScoreFunction:
    """:func:`brightness`, after so many questions."""

    def score(draw: Draw) -> Later:
        found = Later(brightness(draw), questions)
        if made is not None:
            made.append(found)
        return found

    return score


@pytest.mark.parametrize("questions", [0, 1, 2, NEVER])
def test_it_tells_the_same_as_one_that_waits(
    config: Make, setting: Make, source: Make, tmp_path: Path, questions: int
) -> None:
    """At the next tick, at later ones, or only at the next rung: same reports, same order, same
    weights and same checkpoints."""
    places = [setting(folder=tmp_path / name, **RUNGS) for name in ("waiting", "later")]
    expected = list(train(config(), places[0], source(), brightness))
    made: list[Later] = []
    told = list(train(config(), places[1], source(), later(questions, made)))
    assert [steady(report) for report in told] == [steady(report) for report in expected]
    assert [one.waited for one in made] == [1, 1, 1]
    kept, amended = (
        {p.name: (read_info(p), load_checkpoint(p)["report"]) for p in checkpoint_files(folder)}
        for folder in (place.folder / "checkpoints" for place in places)
    )
    clock = {"images_per_second", "device_seconds", "metric_seconds"}
    assert kept.keys() == amended.keys()
    for name, (info, report) in kept.items():
        assert amended[name][0] == info
        told_there = amended[name][1]
        assert {k: v for k, v in told_there.items() if k not in clock} == {
            k: v for k, v in report.items() if k not in clock
        }
    for name, tensor in weights(places[0].folder).items():
        assert torch.equal(tensor, weights(places[1].folder)[name]), name


def test_the_trial_trains_on_meanwhile(config: Make, setting: Make, source: Make) -> None:
    """The first rung is told when the second tick after it has been trained."""
    place: TrialSetting = setting(**RUNGS)
    reports = train(config(), place, source(), later(1))
    told = [next(reports) for _ in range(2)]
    assert [(r.images, r.rung) for r in told] == [(16, None), (32, 0)]
    steps = (place.folder / "losses.csv").read_text().splitlines()
    assert steps[-1].startswith("64,")
    reports.close()


def test_a_process_that_dies_meanwhile(config: Make, setting: Make, source: Make) -> None:
    """The rung's checkpoint is there without a score: the next process scores it first."""
    place: TrialSetting = setting(**RUNGS)
    expected = [steady(r) for r in train(config(), place, source(), brightness)]
    rest = [r for r in expected if r.images >= 32]
    broken: TrialSetting = replace(place, folder=place.folder / "broken")

    def lost(draw: Draw) -> Later:
        brightness(draw)
        return Later(MetricError("never asked for"), NEVER)

    reports = train(config(), replace(broken, leaving=leave_after(5)), source(), lost)
    with pytest.raises(LeavingError):
        list(reports)
    (file,) = checkpoint_files(broken.folder / "checkpoints")
    assert (read_info(file).images, read_info(file).score) == (32, None)
    assert [steady(r) for r in train(config(), broken, source(), later(1))] == rest
    again = [steady(r) for r in train(config(), broken, source(), brightness)]
    assert again == rest[-1:]


@pytest.mark.parametrize("steps", [5, 6, 7, 9, 13, 15])
def test_a_process_that_leaves_keeps_what_is_there(
    config: Make, setting: Make, source: Make, tmp_path: Path, steps: int
) -> None:
    """Rungs after 4, 12 and 20 steps, each score there at the second tick behind it: nothing is
    told otherwise than by an undisturbed trial, nothing is left out."""
    whole: TrialSetting = setting(folder=tmp_path / "whole", **RUNGS)
    expected = [steady(r) for r in train(config(), whole, source(), brightness)]
    place: TrialSetting = setting(folder=tmp_path / "left", **RUNGS)
    told: list[Report] = []
    with pytest.raises(LeavingError):
        for report in train(
            config(), replace(place, leaving=leave_after(steps)), source(), later(1)
        ):
            told.append(report)  # what came before the error counts
    told += train(config(), place, source(), later(1))
    found = {report.images: steady(report) for report in told}
    assert list(found.values()) == expected
    for name, tensor in weights(whole.folder).items():
        assert torch.equal(tensor, weights(place.folder)[name]), name


@pytest.mark.parametrize(
    ("error", "code"), [(MetricError, "nonfinite"), (NoSpreadError, "mode-collapse")]
)
def test_no_score_ends_the_trial(
    config: Make, setting: Make, source: Make, error: type[MetricError], code: str
) -> None:
    """As at once; what was trained since is not told."""
    place: TrialSetting = setting(**RUNGS)
    asked = iter(range(NEVER))

    def broken_at_the_second(draw: Draw) -> Later:
        score: Score | MetricError = brightness(draw)
        return Later(error("no number") if next(asked) == 1 else score, 1)

    told = list(train(config(), place, source(), broken_at_the_second))
    assert (told[-1].images, told[-1].verdict, told[-1].score) == (96, code, None)
    assert "no number" in str(told[-1].evidence)
    assert [r.images for r in told] == [16, 32, 48, 64, 80, 96]
    kept = best_checkpoint(place.folder / "checkpoints")
    assert kept is not None and read_info(kept).images == 32


def test_a_verdict_between_two_rungs_waits_for_the_score(
    config: Make, setting: Make, source: Make
) -> None:
    """The rung before is told first, with its score."""
    rules = VerdictRules.model_validate(
        {"frozen_change": 0.999, "patience": 4, "min_images": 0, "span_images": 0}
    )
    place: TrialSetting = setting(**RUNGS, rules=rules)
    expected = [steady(r) for r in train(config(), place, source(), brightness)]
    assert expected[-1].verdict is not None and expected[-1].rung is None
    other = replace(place, folder=place.folder / "other")
    told = [steady(r) for r in train(config(), other, source(), later(NEVER))]
    assert told == expected


def asked_twice(draw: Draw) -> Later:
    return Later(brightness(draw), 1)


def test_several_workers_tell_the_same(tmp_path: Path) -> None:
    """One of them scores and knows when; the others hear of it."""
    plans = [
        Plan(tmp_path / "waiting", score=brightness),
        Plan(tmp_path / "later", score=asked_twice),
    ]
    waiting, pending = (together(2, reports_of, plan) for plan in plans)
    assert pending[0] == pending[1]
    assert [steady(r) for r in pending[0]] == [steady(r) for r in waiting[0]]
