"""A disk without room while a trial trains: it waits, and comes out as if nothing had been."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animesearch.metrics.evaluator import Draw, Score
from animesearch.trainers.checkpoint import checkpoint_files, load_checkpoint
from animesearch.trainers.loop import train
from animesearch.trainers.steplog import StepLog
from tests.storage.clocks import Clock, patient
from tests.storage.disks import fill

Make = Callable[..., Any]


def brightness(draw: Draw) -> Score:
    return Score(float(draw(0, 16).float().mean()), "brightness", 16)


def tables(folder: Path) -> dict[str, list[list[str]]]:
    return {path.name: list(csv.reader(path.open())) for path in sorted(folder.glob("*.csv"))}


def test_a_trial_waits_for_room(
    small_disk: Path, tmp_path: Path, config: Make, setting: Make, source: Make
) -> None:
    """Full again after each of its reports: whatever is written next waits for room."""
    ballast, said = small_disk / "ballast", list[str]()

    def make_room(count: int) -> None:
        if count % 4 == 0:
            ballast.unlink(missing_ok=True)

    clock = Clock(then=make_room)
    place = setting(folder=small_disk / "t0000", patience=patient(clock, said))
    reports = []
    for report in train(config(), place, source(), brightness):
        reports.append(report)
        fill(small_disk)
    whole = setting(folder=tmp_path / "whole")
    undisturbed = list(train(config(), whole, source(), brightness))
    assert [(r.images, r.score) for r in reports] == [(r.images, r.score) for r in undisturbed]
    assert tables(place.folder) == tables(whole.folder)
    names = [[p.name for p in checkpoint_files(s.folder / "checkpoints")] for s in (place, whole)]
    assert names[0] == names[1]
    assert load_checkpoint(checkpoint_files(place.folder / "checkpoints")[-1])["images"] == 96
    waited_for = " ".join(said)
    assert "no room left" in waited_for and "works again" in waited_for
    assert "writing a checkpoint" in waited_for or "grids" in waited_for


def test_rows_that_found_no_room_leave_no_half(small_disk: Path) -> None:
    log = StepLog(small_disk / "losses.csv", ("images", "loss"))
    log.append(np.array([[8, 0.5]]))
    before = log.path.read_bytes()
    fill(small_disk)
    many = np.tile([[16.0, 0.25]], (2000, 1))
    with pytest.raises(OSError, match="No space"):
        log.append(many)
    assert log.path.read_bytes() == before
