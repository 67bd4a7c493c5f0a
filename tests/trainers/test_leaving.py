"""A process that must end soon saves what it has trained, wherever it stands."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from animesearch.errors import LeavingError
from animesearch.trainers.checkpoint import best_checkpoint, checkpoint_files, load_checkpoint
from animesearch.trainers.loop import train
from animesearch.trainers.report import Report
from animesearch.trainers.setting import TrialSetting
from tests.trainers.test_loop import brightness, steady, weights

Make = Callable[..., Any]


def leave_after(steps: int) -> Callable[[], bool]:
    """Tells at the question after so many steps that the process must end, and from then on."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= steps


def until_it_leaves(trial: Any, place: TrialSetting, data: Any, steps: int) -> list[Report]:
    told: list[Report] = []
    with pytest.raises(LeavingError):
        for report in train(trial, replace(place, leaving=leave_after(steps)), data, brightness):
            told.append(report)
    return told


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 7, 11])
def test_the_next_process_ends_as_an_undisturbed_one(
    config: Make, setting: Make, source: Make, tmp_path: Path, steps: int
) -> None:
    """Twelve steps, reports after 4, 6, 8 and 12: also at a report, and before the first."""
    whole: TrialSetting = setting(folder=tmp_path / "whole")
    expected = list(train(config(), whole, source(), brightness))
    place: TrialSetting = setting(folder=tmp_path / "left")
    until_it_leaves(config(), place, source(), steps)
    newest = load_checkpoint(checkpoint_files(place.folder / "checkpoints")[-1])
    assert newest["images"] == 8 * steps
    resumed = list(train(config(), place, source(), brightness))
    told = {report.images: steady(report) for report in resumed}
    assert told == {one.images: steady(one) for one in expected if one.images in told}
    assert {one.images for one in expected if one.images > 8 * steps} <= told.keys()
    for name, tensor in weights(whole.folder).items():
        assert torch.equal(tensor, weights(place.folder)[name]), name
    for table in ("losses", "epochs", "gradients"):
        one, two = (folder / f"{table}.csv" for folder in (whole.folder, place.folder))
        assert one.read_text() == two.read_text()


def test_again_and_again(config: Make, setting: Make, source: Make, tmp_path: Path) -> None:
    """A process that leaves after every step or two."""
    draw = random.Random(4)
    whole: TrialSetting = setting(folder=tmp_path / "whole")
    expected = list(train(config(), whole, source(), brightness))
    place: TrialSetting = setting(folder=tmp_path / "left")
    done, told = 0, list[Report]()
    while done < 11:
        steps = min(draw.choice([1, 2, 3]), 11 - done)
        told += until_it_leaves(config(), place, source(), steps)
        done += steps
    told += train(config(), place, source(), brightness)
    assert {r.images: steady(r) for r in told} == {r.images: steady(r) for r in expected}
    assert all(r.device_seconds > 0 for r in told)


def test_a_checkpoint_of_a_rung_keeps_its_score(config: Make, setting: Make, source: Make) -> None:
    """Told to leave right at a rung: its file is not written over by one without a score."""
    place: TrialSetting = setting()
    until_it_leaves(config(), place, source(), 6)
    kept = best_checkpoint(place.folder / "checkpoints")
    assert kept is not None and load_checkpoint(kept)["report"]["score"] > 0
    assert [path.name for path in checkpoint_files(place.folder / "checkpoints")] == [kept.name]


def test_one_that_is_closed_at_a_report_is_saved_as_well(
    config: Make, setting: Make, source: Make
) -> None:
    """A trial that is stopped because its search ends, between two rungs."""
    place: TrialSetting = setting(leaving=leave_after(4))
    reports = train(config(), place, source(), brightness)
    assert next(reports).images == 32
    reports.close()
    (file,) = checkpoint_files(place.folder / "checkpoints")
    assert load_checkpoint(file)["images"] == 32
    again = list(train(config(), replace(place, leaving=lambda: False), source(), brightness))
    assert [report.images for report in again] == [32, 48, 64, 96]


def test_weights_that_are_not_finite_are_not_kept(
    config: Make, setting: Make, source: Make
) -> None:
    place: TrialSetting = setting()
    hot = config(generator={"lr": 1e30}, discriminator={"lr": 1e30})
    until_it_leaves(hot, place, source(), 3)
    assert checkpoint_files(place.folder / "checkpoints") == []
