"""Checkpoints: whole or refused, and which ones stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from animesearch.errors import CheckpointError
from animesearch.trainers.checkpoint import (
    CheckpointInfo,
    best_checkpoint,
    checkpoint_files,
    latest_checkpoint,
    load_checkpoint,
    read_info,
    save_checkpoint,
)


def save(folder: Path, images: int, score: float | None = None, healthy: bool = True) -> Path:
    payload = {"images": images, "weights": torch.arange(100.0)}
    return save_checkpoint(folder, payload, CheckpointInfo(images, score, healthy))


def numbers(folder: Path) -> list[int]:
    return [read_info(path).images for path in checkpoint_files(folder)]


def test_round_trip(tmp_path: Path) -> None:
    path = save(tmp_path, 64, 3.5)
    payload = load_checkpoint(path)
    assert payload["images"] == 64
    assert torch.equal(payload["weights"], torch.arange(100.0))
    assert read_info(path) == CheckpointInfo(64, 3.5, True)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    return content[:-200] + bytes([content[-200] ^ 1]) + content[-199:]


@pytest.mark.parametrize(
    "damage",
    [cut, flip, lambda c: b"", lambda c: c[:10], lambda c: c[20:], lambda c: b"{}\n" + c],
)
def test_damage_is_noticed_and_the_one_before_is_taken(tmp_path: Path, damage: Any) -> None:
    save(tmp_path, 64, score=1.0)
    path = save(tmp_path, 128, score=2.0)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError):
        load_checkpoint(path)
    said: list[str] = []
    found = latest_checkpoint(tmp_path, said.append)
    assert found is not None
    assert found[1]["images"] == 64
    assert len(said) == 1 and str(path) in said[0]
    assert said[0].endswith("; the one before it is used")


def test_without_a_whole_one_the_trial_begins_anew(tmp_path: Path) -> None:
    said: list[str] = []
    path = save(tmp_path, 64)
    path.write_bytes(cut(path.read_bytes()))
    assert latest_checkpoint(tmp_path, said.append) is None
    assert said[0].endswith("; the trial begins anew")


def test_a_trial_that_gets_better_and_better_keeps_the_one_before(tmp_path: Path) -> None:
    """The last one is the best as well; if it is cut in half there must be another."""
    for images in (1, 2, 3):
        save(tmp_path, images, score=10.0 - images)
    assert numbers(tmp_path) == [2, 3]


def test_no_checkpoint(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "none") is None
    assert best_checkpoint(tmp_path) is None
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "none.ckpt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, {"code": Path}, CheckpointInfo(1, None, True))
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(path)


def test_the_last_two_the_last_healthy_and_the_best_stay(tmp_path: Path) -> None:
    for images, score in ((1, 5.0), (2, 3.0), (3, 4.0), (4, 4.5)):
        save(tmp_path, images, score)
    assert numbers(tmp_path) == [2, 3, 4]
    save(tmp_path, 5, healthy=False)
    assert numbers(tmp_path) == [2, 4, 5]
    assert best_checkpoint(tmp_path) == checkpoint_files(tmp_path)[0]


def test_without_scores_the_last_healthy_one_is_best(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    save(tmp_path, 3, healthy=False)
    best = best_checkpoint(tmp_path)
    assert best is not None
    assert read_info(best).images == 2
