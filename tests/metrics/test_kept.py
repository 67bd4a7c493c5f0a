"""Kept features: whole or not there, of one identity, read in parts."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.metrics.kept import BLOCK, Features, keep, kept_path, recall

COUNT = 2 * BLOCK + 300
IDENTITY = {"data": "d1", "features": {"name": "random"}, "count": COUNT}
FEATURES = np.random.default_rng(0).normal(size=(COUNT, 5)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    keep(kept_path(tmp_path, IDENTITY), IDENTITY, FEATURES, {"left out": {"broken": 2}})
    return kept_path(tmp_path, IDENTITY)


def test_what_was_kept_comes_back_to_the_bit(path: Path) -> None:
    found = recall(path, IDENTITY)
    assert found is not None
    assert found.features_ND.dtype == np.float32
    assert found.features_ND.tobytes() == FEATURES.tobytes()
    assert found.notes == {"left out": {"broken": 2}}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "no temporary file"


def test_anybody_can_read_the_file(path: Path) -> None:
    with np.load(path) as file:
        assert np.array_equal(file["features_ND"], FEATURES)


@pytest.mark.parametrize(
    "rows",
    [
        range(0),
        range(COUNT),
        range(3, COUNT, 7),
        range(BLOCK - 1, BLOCK + 1),
        np.array([0, BLOCK - 1, BLOCK, COUNT - 1]),
        np.array([2 * BLOCK]),
    ],
)
def test_a_part_of_the_images(path: Path, rows: range | np.ndarray) -> None:
    found = recall(path, IDENTITY, rows)
    assert found is not None
    assert np.array_equal(found.features_ND, FEATURES[np.asarray(rows, dtype=np.int64)])


def test_another_identity_is_not_there(path: Path, tmp_path: Path) -> None:
    others = [{**IDENTITY, "data": "d2"}, {**IDENTITY, "features": {"name": "lite0"}}]
    assert len({kept_path(tmp_path, identity) for identity in [IDENTITY, *others]}) == 3
    for identity in others:
        assert recall(path, identity) is None
    assert recall(tmp_path / "none.npz", IDENTITY) is None


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "flipped", "text", "folder", "short", "double", "others"]
)
def test_a_damaged_file_is_told(path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    content = bytearray(path.read_bytes())
    place = content.find(FEATURES[BLOCK + 7].tobytes())
    content[place] ^= 1
    changed = {"short": FEATURES[:9], "double": FEATURES.astype(np.float64), "others": -FEATURES}
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage in changed:  # whole as a file, but of other numbers
        np.savez(path, **{**arrays, "features_ND": changed[damage]})
    else:
        broken = {"empty": b"", "cut": content[:-99], "flipped": content, "text": b"no numbers"}
        path.write_bytes(bytes(broken[damage]))
    assert recall(path, IDENTITY) is None
    assert "is damaged" in caplog.text
    assert path.exists() is (damage == "folder"), "nobody stumbles over it again"


def test_a_disk_that_does_not_read_deletes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("zipfile.ZipFile.open", refuse)
        assert recall(path, IDENTITY) is None
    assert recall(path, IDENTITY) is not None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_byte_gives_other_numbers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    small = FEATURES[:20]
    path = tmp_path_factory.mktemp("flip") / "x.features.npz"
    keep(path, IDENTITY, small, {"left out": {}})
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    found = recall(path, IDENTITY)
    if found is not None:
        assert found.features_ND.tobytes() == small.tobytes() and found.notes == {"left out": {}}


def test_a_header_that_promises_too_much_takes_no_memory(path: Path) -> None:
    """A terabyte by the header, in a file of a few bytes."""
    content = path.read_bytes()
    count = f"({COUNT}, 5), }}".encode()
    assert content.count(count) == 1
    huge = f"({10**10}, 5), }}".encode()
    header = content.replace(count + b" " * (len(huge) - len(count)), huge)
    path.write_bytes(header)
    assert recall(path, IDENTITY) is None


def test_a_disk_that_refuses_costs_only_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    keep(kept_path(tmp_path, IDENTITY), IDENTITY, FEATURES)
    assert "not kept" in caplog.text
    assert recall(kept_path(tmp_path, IDENTITY), IDENTITY) is None


def write_often(path: Path, features_ND: Features, times: int) -> None:
    for _ in range(times):
        keep(path, IDENTITY, features_ND)


def test_two_processes_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reader sees the one's file or the other's, never a mixture."""
    path = kept_path(tmp_path, IDENTITY)
    both = [FEATURES, FEATURES + 1]
    keep(path, IDENTITY, FEATURES)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_often, args=(path, one, 20)) for one in both]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found = recall(path, IDENTITY)
        assert found is not None
        assert any(np.array_equal(found.features_ND, one) for one in both)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert caplog.text == ""
