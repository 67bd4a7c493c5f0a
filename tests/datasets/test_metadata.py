"""Tags from records: every shape that people have them in, and every way that they are broken."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.datasets import metadata
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.metadata import MalformedError, Records, as_tags, record_tags
from animesearch.datasets.reasons import Reason
from animesearch.datasets.refusals import (
    IMAGE_WITHOUT_METADATA,
    METADATA_MALFORMED,
    METADATA_WITHOUT_IMAGE,
)
from animesearch.datasets.sources import SOURCES, Listing
from animesearch.errors import DataError
from tests.datasets.containers import write_zip
from tests.datasets.pictures import png, silent, write_folder, write_tar

IMAGES = {f"images/{number}.png": png(number) for number in range(4)}
LINES = (
    b'{"file": "images/0.png", "tags": ["1girl", "solo"]}\n'
    b'{"file": "images/1.png", "tags": ["solo"]}\n'
    b'{"file": "images/2.png", "tags": []}\n'
    b'{"file": "images/3.png", "tags": ["1boy"]}\n'
)
TAGS = {
    "images/0.png": ("1girl", "solo"),
    "images/1.png": ("solo",),
    "images/2.png": (),
    "images/3.png": ("1boy",),
}


def listed(source: dict[str, object], tmp: Path) -> Listing:
    spec = SOURCES.parse(source).located()
    listing = spec.listing(FileMemory(tmp / "seen"), silent)
    read = {item.name: data for item, data in spec.read(listing.items, 8)}
    assert sorted(read) == [item.name for item in listing.items]
    return listing


def in_folder(files: dict[str, bytes], tmp: Path, **options: str) -> Listing:
    root = write_folder(tmp / "set", files)
    return listed({"name": "metadata", "path": str(root), **options}, tmp)


def in_tar(files: dict[str, bytes], tmp: Path, **options: str) -> Listing:
    renamed = {"tags" if key == "records" else key: value for key, value in options.items()}
    path = write_tar(tmp / "x.tar", files)
    return listed({"name": "tar", "path": str(path), **renamed}, tmp)


def in_gzip(files: dict[str, bytes], tmp: Path, **options: str) -> Listing:
    renamed = {"tags" if key == "records" else key: value for key, value in options.items()}
    path = write_tar(tmp / "x.tar.gz", files, "w:gz")
    return listed({"name": "tar", "path": str(path), **renamed}, tmp)


def in_zip(files: dict[str, bytes], tmp: Path, **options: str) -> Listing:
    renamed = {"tags" if key == "records" else key: value for key, value in options.items()}
    path = write_zip(tmp / "x.zip", files)
    return listed({"name": "zip", "path": str(path), **renamed}, tmp)


PLACES: list[Callable[..., Listing]] = [in_folder, in_tar, in_gzip, in_zip]
place = pytest.mark.parametrize("place", PLACES)


def tags(listing: Listing) -> dict[str, tuple[str, ...]]:
    return {item.name: item.tags for item in listing.items}


def faults(listing: Listing) -> dict[tuple[str, str], str]:
    return {(drop.name, drop.reason): drop.detail for drop in listing.refused}


@place
@pytest.mark.parametrize("top", ["", "tagged/"])
def test_file_and_tags(place: Callable[..., Listing], top: str, tmp_path: Path) -> None:
    files = {f"{top}{name}": data for name, data in IMAGES.items()}
    listing = place({**files, f"{top}tags.jsonl": LINES}, tmp_path)
    assert tags(listing) == {f"{top}{name}": words for name, words in TAGS.items()}
    assert not listing.refused


@place
def test_records_beside_their_images(place: Callable[..., Listing], tmp_path: Path) -> None:
    beside = {
        "images/0.json": b'{"tags": "1girl solo"}',
        "images/1.png.json": b'{"tag_string": "solo"}',
        "images/2.json": b"{broken",
        "images/9.json": b'{"tags": "nobody"}',
    }
    listing = place({**IMAGES, **beside}, tmp_path)
    found = tags(listing)
    assert [found[f"images/{n}.png"] for n in range(4)] == [("1girl", "solo"), ("solo",), (), ()]
    assert set(found) == {*IMAGES, "images/9.json"}
    told = faults(listing)
    assert "images/2.png" in told["*.json", METADATA_MALFORMED]
    assert told["*.json", IMAGE_WITHOUT_METADATA].startswith("2; first: images/2.png")


@place
def test_what_does_not_fit_is_counted_and_told(
    place: Callable[..., Listing], tmp_path: Path
) -> None:
    lines = (
        LINES.splitlines(keepends=True)[0]
        + b"not json\n[1]\n\n"
        + b'{"file": "images/none.png", "tags": ["x"]}\n'
        + b'{"file": "images/1.png"}\n'
        + b'{"file": "images/1.png", "tags": [5]}\n'
    )
    listing = place({**IMAGES, "metadata.jsonl": lines, "README.txt": b"words"}, tmp_path)
    told = faults(listing)
    assert told["metadata.jsonl", METADATA_MALFORMED].startswith("4; first: line 2: no JSON")
    assert told["metadata.jsonl", METADATA_WITHOUT_IMAGE] == "1; first: line 5: images/none.png"
    assert told["metadata.jsonl", IMAGE_WITHOUT_METADATA] == "3; first: images/1.png"
    assert len(told) == 3
    assert tags(listing)["images/0.png"] == ("1girl", "solo")


@place
def test_another_file_of_records(place: Callable[..., Listing], tmp_path: Path) -> None:
    files = {**IMAGES, "tags.jsonl": b"{}", "other/words.txt": LINES}
    listing = place(files, tmp_path, records="other/words.txt")
    assert {k: v for k, v in tags(listing).items() if k in TAGS} == TAGS
    assert "tags.jsonl" in tags(listing)
    assert "other/words.txt" not in tags(listing)
    with pytest.raises(DataError, match=r"tags\.json"):
        place(files, tmp_path, records="tags.json")


@pytest.mark.parametrize("place", [in_tar, in_zip])
def test_an_archive_without_its_tags(place: Callable[..., Listing], tmp_path: Path) -> None:
    listing = place({**IMAGES, "tags.jsonl": LINES}, tmp_path, records="none")
    assert set(tags(listing).values()) == {()}
    assert "tags.jsonl" in tags(listing)


@pytest.mark.parametrize("place", [in_tar, in_zip])
def test_json_about_something_else_stays_a_file(
    place: Callable[..., Listing], tmp_path: Path
) -> None:
    about = b'{"license": "none", "tags": ["anime"], "size": [1, 2]}'
    listing = place({**IMAGES, "metadata.json": about}, tmp_path)
    assert set(tags(listing)) == {*IMAGES, "metadata.json"}
    assert set(tags(listing).values()) == {()}


def test_records_outside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_folder(tmp_path / "set", IMAGES)
    (tmp_path / "records.jsonl").write_bytes(LINES)
    monkeypatch.chdir(tmp_path)
    for records in (str(tmp_path / "records.jsonl"), "records.jsonl"):
        source = {"name": "metadata", "path": str(root), "records": records}
        assert tags(listed(source, tmp_path)) == TAGS
    inside = write_folder(root, {"kept/here.jsonl": LINES}) / "kept/here.jsonl"
    source = {"name": "metadata", "path": str(root), "records": str(inside)}
    assert tags(listed(source, tmp_path)) == TAGS


def test_labels_and_tags_together(tmp_path: Path) -> None:
    files = {f"images/{who}/{n}.png": png(n) for who in ("miku", "rin") for n in range(3)}
    files["tags.jsonl"] = b'{"file": "images/rin/0.png", "tags": ["solo"]}'
    for place in PLACES:
        listing = place(files, tmp_path)
        assert {item.label for item in listing.items} == {"miku", "rin"}
        assert tags(listing)["images/rin/0.png"] == ("solo",)
    bare = in_folder(files, tmp_path, classes="no")
    assert {item.label for item in bare.items} == {None}
    stray = in_folder({**files, "images/x.png": png(9)}, tmp_path)
    assert {item.label for item in stray.items} == {None}
    with pytest.raises(DataError, match="no class folders"):
        listed(
            {
                "name": "metadata",
                "path": str(write_folder(tmp_path / "flat", {"1.png": png(1)})),
                "classes": "yes",
            },
            tmp_path,
        )


DANBOORU = {
    "id": "1234",
    "file_ext": "png",
    "tags": [
        {"id": "1", "name": "1girl", "category": "0"},
        {"id": "2", "name": "hatsune_miku", "category": "4"},
    ],
}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (DANBOORU, ("1girl", "hatsune_miku")),
        ({"id": 1234, "tag_string": "1girl hatsune_miku"}, ("1girl", "hatsune_miku")),
        ({"id": 1234, "tag_string_general": "1girl", "tag_string_artist": "x"}, ("1girl", "x")),
        ({"md5": "abcd", "tags": "long hair, 1girl"}, ("long hair", "1girl")),
        ({"file": "0234/1234.png", "tags": ["a", "b", "a", " "]}, ("a", "b")),
        ({"file_name": "1234.png", "tags": ["a"]}, ("a",)),
        ({"filename": "/home/me/set/1234.png", "tags": ["a"]}, ("a",)),
        ({"path": "C:\\set\\1234.png", "tags": ["a"]}, ("a",)),
        ({"image": "1234", "tags": ["a"]}, ("a",)),
        ({"id": 1234, "tags": {"general": ["1girl"], "artist": "x y"}}, ("1girl", "x", "y")),
        ({"id": 1234, "tags": None}, ()),
        ({"id": 1234, "tags": ["\ud800x"]}, ("\\ud800x",)),
    ],
)
def test_shapes_of_records(record: dict[str, object], expected: tuple[str, ...]) -> None:
    image = "0567/abcd.png" if "md5" in record else "0234/1234.png"
    records = Records([image, "0001/1.png", "0002/2.png"])
    assert records.add_file("metadata.json", io.BytesIO(json.dumps(record).encode())) == 1
    assert records.tags == {image: expected}
    assert not records.faults()


ROWS = [{"file": f"images/{n}.png", "tags": list(TAGS[f"images/{n}.png"])} for n in range(4)]
NAMED = {str(row["file"]): row["tags"] for row in ROWS}


@pytest.mark.parametrize(
    "data",
    [
        LINES,
        LINES.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + LINES,
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2).encode(),
        json.dumps(ROWS).encode("utf-16"),
        json.dumps(NAMED).encode(),
        json.dumps(NAMED, indent=2).encode(),
        json.dumps({file: {"tags": words} for file, words in NAMED.items()}).encode(),
        b"[\n" + LINES.strip().replace(b"}\n", b"},\n") + b"\n]\n",
    ],
)
def test_shapes_of_files(data: bytes) -> None:
    records = Records(IMAGES)
    assert records.add_file("tags.json", io.BytesIO(data)) == 4
    assert records.tags == TAGS
    assert not records.faults()


def test_a_list_that_is_too_large_is_read_by_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_LIST_BYTES", 100)
    by_line = b"[\n" + LINES.strip().replace(b"}\n", b"},\n") + b"\n]\n"
    records = Records(IMAGES)
    assert records.add_file("tags.json", io.BytesIO(by_line)) == 4
    assert Records(IMAGES).add_file("tags.json", io.BytesIO(json.dumps(ROWS).encode())) == 0


def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_LINE_BYTES", 300)
    first, *rest = LINES.splitlines(keepends=True)
    records = Records(IMAGES)
    data = first + b'{"x": "' + b"y" * 2000 + b'"}\n' + b"".join(rest) + b"z" * 700
    assert records.add_file("tags.jsonl", io.BytesIO(data)) == 4
    (fault,) = records.faults()
    assert fault.detail.startswith("2; first: line 2: longer than 300 bytes")


def test_several_records_of_one_image_stand_together() -> None:
    records = Records(["1.png"])
    lines = b'{"id": 1, "tags": ["a", "b"]}\n{"file": "1.png", "tags": ["b", "c"]}\n'
    records.add_file("x.jsonl", io.BytesIO(lines))
    assert records.tags == {"1.png": ("a", "b", "c")}


def test_a_name_that_two_images_have_means_neither() -> None:
    records = Records(["a/1.png", "b/1.png", "c/2.png"])
    lines = b'{"file": "1.png", "tags": "x"}\n{"id": 1, "tags": "y"}\n{"id": 2, "tags": "z"}\n'
    assert records.add_file("b/tags.jsonl", io.BytesIO(lines)) == 2
    assert records.tags == {"b/1.png": ("x",), "c/2.png": ("z",)}
    assert [fault.reason for fault in records.faults()] == [METADATA_WITHOUT_IMAGE]


@pytest.mark.parametrize(
    "value",
    [5, [5], [["a"]], {"a": {"b": "c"}}, ["x" * 201], [str(n) for n in range(2001)], [{"id": 1}]],
)
def test_tags_that_are_malformed(value: object) -> None:
    with pytest.raises(MalformedError):
        as_tags(value)
    with pytest.raises(MalformedError):
        record_tags({"tags": value})


HOSTILE = [
    b"", b"\0" * 500, b"[" * 200_000, b'{"a":' * 100_000, b"\xff\xfe" * 300, b"9" * 10_000,
    b'{"file": 5, "tags": ["a"]}', b'{"id": 1e999, "tags": ["a"]}', b'{"id": true, "tags": ["a"]}',
    b'{"file": "../../0.png", "tags": ["a"]}'[:-1], b'{"id": NaN, "tags": [NaN]}', b"[[],{},3]",
    b'{"id": ' + b"9" * 5000 + b', "tags": ["a"]}', b'{"file": "\\u0000", "tags": "a"}',
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE)
def test_hostile_files(data: bytes) -> None:
    records = Records(IMAGES)
    assert records.add_file("tags.jsonl", io.BytesIO(data)) == 0
    records.add_sidecar("images/1.png", data)
    for fault in records.faults():
        assert "\n" not in fault.detail
        fault.detail.encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["file", "id", "tags", "tag_string", "name"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(json_values, max_size=5), st.binary(max_size=60))
def test_any_json_and_any_bytes_never_raise(values: list[object], tail: bytes) -> None:
    records = Records(IMAGES)
    lines = b"\n".join(json.dumps(value).encode() for value in values)
    for data in (lines, lines + b"\n" + tail, tail, json.dumps(values).encode()):
        records.add_file("tags.json", io.BytesIO(data))
    for words in records.tags.values():
        assert all(word.strip() and word.encode() for word in words)


def test_files_of_records_are_no_images_and_others_stay(tmp_path: Path) -> None:
    listing = in_folder({**IMAGES, "tags.jsonl": LINES, "notes.txt": b"x"}, tmp_path)
    assert set(tags(listing)) == {*IMAGES, "notes.txt"}
    assert not listing.refused


def test_no_records_at_all(tmp_path: Path) -> None:
    listing = in_folder(IMAGES, tmp_path)
    assert set(tags(listing).values()) == {()}
    assert not listing.refused


def test_links_are_not_records(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", IMAGES)
    (tmp_path / "secret.jsonl").write_bytes(LINES)
    (root / "tags.jsonl").symlink_to(tmp_path / "secret.jsonl")
    listing = listed({"name": "metadata", "path": str(root)}, tmp_path)
    assert set(tags(listing).values()) == {()}
    assert faults(listing) == {("tags.jsonl", Reason.LINK): ""}


def test_the_real_tags(real_data: Path, tmp_path: Path) -> None:
    """The number that a filter by blonde_hair, without blue_eyes, has to keep."""
    listing = listed({"name": "path", "path": str(real_data / "tagged96.tar")}, tmp_path)
    words = [set(item.tags) for item in listing.items]
    assert len(words) == 3000
    assert sum("blonde_hair" in tags and "blue_eyes" not in tags for tags in words) == 363
    assert not listing.refused


def test_the_real_characters(real_data: Path, tmp_path: Path) -> None:
    listing = listed({"name": "path", "path": str(real_data / "characters160.tar")}, tmp_path)
    assert len({item.label for item in listing.items}) == 10
