"""Parquet: images as Hugging Face writes them, in large files that are never loaded whole."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.datasets import contents
from animesearch.datasets.contents import ArchiveBombError
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.reasons import Reason
from animesearch.datasets.refusals import (
    METADATA_MALFORMED,
    NOT_PARQUET,
    PARQUET_BROKEN,
    WRONG_COLUMNS,
)
from animesearch.datasets.sources import SOURCES, Item, Listing, SourceSpec
from animesearch.errors import DataError
from tests.datasets.containers import images_table, write_parquet
from tests.datasets.pictures import png, silent

IMAGES = [png(number) for number in range(7)]


def source(path: Path, **options: str) -> SourceSpec:
    return SOURCES.parse({"name": "parquet", "path": str(path), **options}).located()


def listed(path: Path, **options: str) -> Listing:
    return source(path, **options).listing(FileMemory(path.parent / "seen"), silent)


def of(table: pa.Table, tmp: Path, **options: str) -> Listing:
    return listed(write_parquet(tmp / "x.parquet", table), **options)


def by_name(listing: Listing) -> dict[str, Item]:
    return {item.name: item for item in listing.items}


def refusals(listing: Listing) -> dict[str, str]:
    return {drop.name: drop.reason for drop in listing.refused}


def read_all(path: Path) -> dict[str, bytes | None]:
    return {item.name: data for item, data in source(path).read(listed(path).items, 8)}


def with_features(table: pa.Table, features: object) -> pa.Table:
    noted = json.dumps({"info": {"features": features}}).encode()
    return table.replace_schema_metadata({b"huggingface": noted})


BYTES = pa.table({"picture": pa.array(IMAGES, pa.binary())})
LARGE = pa.table({"x": pa.array(IMAGES, pa.large_binary())})
CODED = pa.table({"image": pa.array(IMAGES, pa.binary()).dictionary_encode()})
STRUCT = images_table(IMAGES)


@pytest.mark.parametrize("table", [BYTES, LARGE, CODED, STRUCT], ids=["b", "large", "dict", "hf"])
def test_rows_are_named_by_file_and_number(table: pa.Table, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", table)
    assert read_all(path) == {f"x.parquet#{n}": data for n, data in enumerate(IMAGES)}
    listing = listed(path)
    assert listing.sequential
    assert not listing.refused
    assert {item.label for item in listing.items} == {None}


def test_numbers_of_rows_sort_as_text(tmp_path: Path) -> None:
    listing = of(images_table([png(number) for number in range(12)]), tmp_path)
    assert [item.name for item in listing.items] == [f"x.parquet#{n:02d}" for n in range(12)]
    assert [item.offset for item in listing.items] == list(range(12))


def test_paths_are_names_where_they_can_be(tmp_path: Path) -> None:
    paths = ["b.png", "dir/a.png", None, "b.png", "../up.png", "a#3", "x" * 501]
    names = by_name(of(images_table(IMAGES, paths), tmp_path))
    rows = {f"x.parquet#{number}" for number in (2, 3, 4, 5, 6)}
    assert set(names) == {"b.png", "dir/a.png", *rows}
    assert names["b.png"].sha256 == hashlib.sha256(IMAGES[0]).hexdigest()


def test_a_folder_of_files(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set/data/train-1.parquet", images_table(IMAGES[:3]))
    write_parquet(tmp_path / "set/data/train-0", images_table(IMAGES[3:], ["a", "b", "c", "d"]))
    (tmp_path / "set/README.md").write_text("words")
    (tmp_path / "set/link").symlink_to(tmp_path / "set/data/train-0")
    listing = listed(tmp_path / "set")
    assert set(by_name(listing)) == {
        "a", "b", "c", "d", *(f"data/train-1.parquet#{n}" for n in range(3))
    }  # fmt: skip
    assert refusals(listing) == {"README.md": NOT_PARQUET, "link": Reason.LINK}
    assert sorted(read_all(tmp_path / "set").values()) == sorted(IMAGES)


def test_labels_by_the_names_that_hugging_face_notes(tmp_path: Path) -> None:
    table = images_table(IMAGES[:4], who=[0, 1, -1, 7], label=[9, 9, 9, 9])
    noted = {"who": {"_type": "ClassLabel", "names": ["miku", "rin"]}, "image": {"_type": "Image"}}
    labels = [item.label for item in of(with_features(table, noted), tmp_path).items]
    assert labels == ["miku", "rin", None, "7"]


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pa.array(["miku", "rin", None]), ["miku", "rin", None]),
        (pa.array(["miku", "rin", "rin"]).dictionary_encode(), ["miku", "rin", "rin"]),
        (pa.array([3, 1, -1], pa.int8()), ["3", "1", "-1"]),
        (pa.array([True, False, None]), ["True", "False", None]),
        (pa.array([0.5, 1.0, 2.0]), [None, None, None]),
    ],
)
def test_labels_by_a_column_of_that_name(
    column: pa.Array, labels: list[str | None], tmp_path: Path
) -> None:
    listing = of(images_table(IMAGES[:3], label=column), tmp_path)
    assert [item.label for item in listing.items] == labels
    without = of(images_table(IMAGES[:3], label=column), tmp_path, label_column="none")
    assert {item.label for item in without.items} == {None}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([["1girl", "solo"], [], None]),
        pa.array(["1girl solo", "", None]),
        pa.array(["1girl, solo", " ", None]),
        pa.array([["1girl", "solo", "solo"], [""], None], pa.large_list(pa.large_string())),
    ],
)
def test_tags(column: pa.Array, tmp_path: Path) -> None:
    listing = of(images_table(IMAGES[:3], tags=column), tmp_path)
    assert [item.tags for item in listing.items] == [("1girl", "solo"), (), ()]
    bare = of(images_table(IMAGES[:3], tags=column), tmp_path, tags_column="none")
    assert {item.tags for item in bare.items} == {()}


def test_tags_that_are_too_long_are_left_out(tmp_path: Path) -> None:
    listing = of(images_table(IMAGES[:2], tags=["x" * 300, "fine"]), tmp_path)
    assert [item.tags for item in listing.items] == [(), ("fine",)]
    assert refusals(listing) == {"x.parquet#0": METADATA_MALFORMED}


def test_columns_that_are_asked_for(tmp_path: Path) -> None:
    table = pa.table({"a": IMAGES[:2], "b": IMAGES[2:4], "c": ["x", "y"], "d": ["t u", "v"]})
    listing = of(table, tmp_path, image_column="b", label_column="c", tags_column="d")
    assert [item.sha256 for item in listing.items] == [
        hashlib.sha256(data).hexdigest() for data in IMAGES[2:4]
    ]
    assert [(item.label, item.tags) for item in listing.items] == [("x", ("t", "u")), ("y", ("v",))]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"a": IMAGES, "b": IMAGES}, {}, "several columns hold bytes: a, b"),
        ({"a": [1], "b": ["text"]}, {}, r"no column of bytes.*\(there are a, b\)"),
        ({"image": ["x.png"]}, {"image_column": "image"}, "'image' holds string, not an image"),
        ({"image": IMAGES}, {"image_column": "imgae"}, "did you mean 'image'"),
        ({"image": IMAGES}, {"label_column": "who"}, "no column 'who'"),
        ({"image": IMAGES[:1], "l": [1.5]}, {"label_column": "l"}, "holds double, not labels"),
        ({"image": IMAGES[:1], "t": [1]}, {"tags_column": "t"}, "holds int64, not tags"),
        ({"image": [{"path": "x"}]}, {}, "no column of bytes"),
        ({"image": [[1, 2]]}, {}, "no column of bytes"),
    ],
)
def test_wrong_columns(
    columns: dict[str, list[object]], options: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        of(pa.table(columns), tmp_path, **options)


def test_a_file_of_other_columns_among_good_ones(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set/a.parquet", images_table(IMAGES))
    write_parquet(tmp_path / "set/b.parquet", pa.table({"x": [1]}))
    listing = listed(tmp_path / "set")
    assert len(listing.items) == len(IMAGES)
    assert refusals(listing) == {"b.parquet": WRONG_COLUMNS}


def test_rows_without_bytes(tmp_path: Path) -> None:
    listing = of(images_table([IMAGES[0], None, b""], [None, "far/away.png", None]), tmp_path)
    assert [item.size for item in listing.items] == [len(IMAGES[0]), 0]
    assert refusals(listing) == {"x.parquet#1": Reason.EMPTY}
    assert "only a path: 'far/away.png'" in listing.refused[0].detail


@pytest.mark.parametrize(
    "noted",
    [b"", b"[]", b"{", b'{"info": 3}', b'{"info": {"features": []}}', b"[" * 99999,
     b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": [1]}}}}'],
)  # fmt: skip
def test_notes_that_are_malformed_are_void(noted: bytes, tmp_path: Path) -> None:
    table = images_table(IMAGES[:2], label=[0, 1]).replace_schema_metadata({b"huggingface": noted})
    assert [item.label for item in of(table, tmp_path).items] == ["0", "1"]


def _groups(path: Path) -> list[pq.ColumnChunkMetaData]:
    file = pq.ParquetFile(path).metadata
    return [file.row_group(number).column(0) for number in range(file.num_row_groups)]


def test_a_corrupt_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", STRUCT, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    place = _groups(path)[1].data_page_offset
    data[place : place + 40] = b"\xff" * 40
    path.write_bytes(data)
    listing = listed(path)
    assert [item.name for item in listing.items] == [f"x.parquet#{n}" for n in (0, 1, 4, 5, 6)]
    assert refusals(listing) == {"x.parquet#row-group-1": PARQUET_BROKEN}
    assert read_all(path)["x.parquet#6"] == IMAGES[6]


@pytest.mark.parametrize("data", [b"", b"hello" * 99, b"PAR1", b"PAR1" + bytes(90) + b"PAR1"])
def test_what_is_no_parquet(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match="no image in the Parquet of 'x'"):
        listed(tmp_path / "x")
    with pytest.raises(DataError, match="Parquet"):
        listed(tmp_path)


def test_a_cut_file_among_good_ones(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set/a.parquet", STRUCT)
    cut = write_parquet(tmp_path / "set/b.parquet", STRUCT)
    cut.write_bytes(cut.read_bytes()[:-20])
    listing = listed(tmp_path / "set")
    assert len(listing.items) == len(IMAGES)
    assert refusals(listing) == {"b.parquet": PARQUET_BROKEN}


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One value of a dictionary, for many rows: small in the file, large when it is read."""
    monkeypatch.setattr(contents, "FREE_BYTES", 1 << 20)
    rows = pa.array(np.zeros(3000, np.int32))
    value = pa.array([np.random.default_rng(0).bytes(20_000)], pa.binary())
    table = pa.table({"image": pa.DictionaryArray.from_arrays(rows, value)})
    with pytest.raises(ArchiveBombError, match="bomb"):
        listed(write_parquet(tmp_path / "x.parquet", table, row_group_size=3000))


def test_memory_holds_a_page_however_large_the_row_group(tmp_path: Path) -> None:
    lot = np.random.default_rng(0)
    images = [lot.bytes(256 * 1024) for _ in range(64)]
    options = {"row_group_size": 64, "data_page_size": 1 << 18, "write_batch_size": 1}
    path = write_parquet(tmp_path / "x.parquet", images_table(images), **options)
    assert _groups(path)[0].total_uncompressed_size > 16 << 20
    images.clear()
    before, most = pa.total_allocated_bytes(), 0
    listing = listed(path)
    for _item, data in source(path).read(listing.items, 8):
        assert data is not None
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 6 * 1024 * 1024


def test_unchanged_files_are_not_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("animesearch.datasets.memory.SETTLED_S", -1)
    tagged = images_table(IMAGES, ["a.png", *[None] * 6], tags=["t"] * 7, label=["l"] * 7)
    path = write_parquet(tmp_path / "x.parquet", tagged)
    first = listed(path)
    hashes: list[int] = []
    monkeypatch.setattr(hashlib, "sha256", _counted(hashlib.sha256, hashes, 100))
    assert listed(path) == first
    assert not hashes
    for seen in (tmp_path / "seen").iterdir():
        seen.write_text(re.sub(r'"[0-9a-f]{64}"', "5", seen.read_text()))
    assert listed(path) == first
    assert len(hashes) == len(IMAGES)
    hashes.clear()
    bare = write_parquet(tmp_path / "bare.parquet", BYTES)
    assert listed(bare) == listed(bare)
    assert len(hashes) == len(IMAGES)


def _counted(real: object, seen: list[int], least: int) -> object:
    def sha256(data: bytes = b"") -> object:
        if len(data) >= least:
            seen.append(len(data))
        return real(data)  # type: ignore[operator]

    return sha256


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["snappy", "none", "zstd"]))
def test_damaged_files_list_or_say_why(seed: int, compression: str) -> None:
    lot = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        table = images_table(IMAGES, tags=["a b"] * 7, label=[1] * 7)
        path = write_parquet(Path(folder) / "x.parquet", table, compression=compression)
        data = bytearray(path.read_bytes())
        for place in lot.integers(0, len(data), 8):
            data[place] = lot.integers(0, 256)
        path.write_bytes(data)
        try:
            listing = listed(path)
        except DataError:
            return
        assert len(listing.items) <= len(IMAGES)
        assert len(list(source(path).read(listing.items, 8))) == len(listing.items)
