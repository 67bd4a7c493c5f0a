"""A prepared set as a source, and in words."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from animesearch.datasets.memory import FileMemory
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.sources import SOURCES, SourceSpec
from animesearch.datasets.sources.base import Drawn
from animesearch.datasets.summary import summary
from animesearch.errors import DataError
from tests.datasets.pictures import png, silent, write_folder
from tests.datasets.preparing import write_prepared

FILES = {f"{kind}/{number}.png": png(number + ord(kind)) for number in range(6) for kind in "ab"}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "set", {**FILES, "a/broken.png": b"words"})


def source(packed: PackedDataset) -> SourceSpec:
    return SOURCES.parse({"name": "path", "path": str(packed.folder)}).located()


def test_a_path_to_a_prepared_set_is_known(images: Path, tmp_path: Path) -> None:
    assert source(write_prepared(tmp_path / "p", images)).name == "prepared"


@pytest.mark.parametrize("channels", [1, 3])
def test_prepared_once_more_nothing_changes(images: Path, tmp_path: Path, channels: int) -> None:
    first = write_prepared(tmp_path / "p", images, channels=channels)
    again = write_prepared(tmp_path / "q", first.folder, channels=channels)
    assert np.array_equal(again.images_NCHW, first.images_NCHW)
    assert (again.names, again.labels, again.tags) == (first.names, first.labels, first.tags)
    assert again.labels == ["a"] * 6 + ["b"] * 6


def test_held_out_images_are_there_again(images: Path, tmp_path: Path) -> None:
    first = write_prepared(tmp_path / "p", images, holdout=0.4)
    assert 0 < first.manifest.heldout < first.count
    assert write_prepared(tmp_path / "q", first.folder).train_count == first.count


def test_it_can_be_made_smaller(images: Path, tmp_path: Path) -> None:
    first = write_prepared(tmp_path / "p", images)
    assert write_prepared(tmp_path / "q", first.folder, size=8).images_NCHW.shape == (12, 3, 8, 8)


def test_a_set_that_changes_meanwhile_is_noticed(images: Path, tmp_path: Path) -> None:
    packed = write_prepared(tmp_path / "p", images)
    spec = source(packed)
    items = spec.listing(FileMemory(tmp_path / "seen"), silent).items
    assert all(isinstance(payload, Drawn) for _, payload in spec.read(items, 16))
    other = write_prepared(tmp_path / "q", images, background=(0, 0, 0), resize="letterbox")
    shutil.copytree(other.folder, packed.folder, dirs_exist_ok=True)
    assert all(payload is None for _, payload in spec.read(items, 16))


def test_a_half_written_set_is_refused(images: Path, tmp_path: Path) -> None:
    packed = write_prepared(tmp_path / "p", images)
    with (packed.folder / "images.arrow").open("r+b") as file:
        file.truncate(500)
    with pytest.raises(DataError, match="incomplete"):
        source(packed)


def test_the_summary_counts_what_was_done(images: Path, tmp_path: Path) -> None:
    lines = summary(write_prepared(tmp_path / "p", images, holdout=0.4))
    assert lines[0].startswith("12 of 13 images kept from classes set: 16 px, RGB, stretch")
    assert "left out: 1 not-an-image (the content is not PNG, JPEG, WebP, GIF or BMP)" in lines
    assert any(line.startswith("split: ") and line.endswith("held out") for line in lines)
    assert "labels: 'a' 6, 'b' 6" in lines
