"""A process that must end soon saves what it has trained, wherever it stands."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from animesearch.datasets.batches import PackedBatches, Share
from animesearch.errors import LeavingError
from animesearch.trainers.checkpoint import best_checkpoint, checkpoint_files, load_checkpoint
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.loop import train
from animesearch.trainers.report import Report
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.together import Team
from tests.trainers.conftest import discs
from tests.trainers.test_loop import brightness, steady, weights
from tests.trainers.workers import together

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


def shares(team: Team, folder: Path, who: int, steps: int) -> list[Report]:
    """A trial of several processes, until ``who`` hears after so many steps that it must end."""
    small = {"architecture": {"name": "penn-dcgan", "width": 4, "latent": 8}, "batch": 8}
    place = TrialSetting(folder, 16, 3, 96, (48, 96), tick=32, seed=3, grid=(2, 3))
    if team.rank == who:
        place = replace(place, leaving=leave_after(steps))
    share = Share(team.rank, team.size)
    data = PackedBatches(discs(64, 16, 3), 8, 3, flip=True, share=share)
    score = brightness if team.leads else None
    told: list[Report] = []
    with contextlib.suppress(LeavingError):
        for report in train(TrialConfig.model_validate(small), place, data, score, team=team):
            told.append(report)
    return told


def test_several_processes_leave_at_one_step(tmp_path: Path) -> None:
    """Whichever of them is told, wherever it stands; then on as if undisturbed."""
    whole, place = tmp_path / "whole", tmp_path / "left"
    expected = together(2, shares, whole, -1, 0)[0]
    for who, steps, images in ((1, 1, 8), (0, 4, 40), (1, 6, 88)):
        told = together(2, shares, place, who, steps)
        assert steady_all(told[0]) == steady_all(told[1])
        newest = load_checkpoint(checkpoint_files(place / "checkpoints")[-1])
        assert newest["images"] == images
    resumed = together(2, shares, place, -1, 0)[0]
    assert steady_all(resumed) == steady_all(expected)[-len(resumed) :]
    assert [report.images for report in resumed] == [64, 96]
    ours, theirs = weights(place), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    for table in ("losses", "epochs", "gradients"):
        assert (whole / f"{table}.csv").read_text() == (place / f"{table}.csv").read_text()


def steady_all(reports: list[Report]) -> list[Report]:
    return [steady(report) for report in reports]
