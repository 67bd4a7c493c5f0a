"""Sources: a contract for each, and the tricks that folders and archives can play."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Callable
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
from animesearch.datasets.reasons import MEANINGS, Reason, meaning
from animesearch.datasets.sources import SOURCES, Listing, SourceSpec
from animesearch.datasets.sources.base import Drawn
from animesearch.datasets.walk import MAX_DEPTH
from animesearch.errors import DataError
from tests.datasets.containers import images_table, write_parquet, write_zip, zip_bytes
from tests.datasets.pictures import add_member, png, silent, write_folder, write_tar
from tests.datasets.preparing import write_prepared

FILES = {f"{kind}/{number}.png": png(number) for number in range(4) for kind in ("a", "b")}
FLAT = {name.replace("/", "-"): data for name, data in FILES.items()}


def parquet_bytes(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(images_table([*files.values()], [*files]), buffer)
    return buffer.getvalue()


def tar_bytes(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            add_member(tar, name, data)
    return buffer.getvalue()


def old_tar_bytes(files: dict[str, bytes]) -> bytes:
    """As before POSIX: no magic, only the checksum tells it."""
    blocks = b""
    for name, data in files.items():
        header = struct.pack(
            "100s8s8s8s12s12s8s1s", name.encode(), b"644", b"0", b"0", b"%011o" % len(data),
            b"0", b" " * 8, b"0",
        ).ljust(512, b"\0")  # fmt: skip
        header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
        blocks += header + data.ljust(-(-len(data) // 512) * 512, b"\0")
    return blocks + bytes(1024)


def _faces(_tmp: Path) -> dict[str, object]:
    return {"name": "faces", "count": 6}


def _folder(tmp: Path) -> dict[str, object]:
    return {"name": "folder", "path": str(write_folder(tmp / "flat", FLAT))}


def _classes(tmp: Path) -> dict[str, object]:
    return {"name": "classes", "path": str(write_folder(tmp / "classes", FILES))}


def _path(tmp: Path) -> dict[str, object]:
    return {"name": "path", "path": str(write_folder(tmp / "some", FILES))}


def _tar(tmp: Path) -> dict[str, object]:
    return {"name": "tar", "path": str(write_tar(tmp / "x.tar", FILES))}


def _zip(tmp: Path) -> dict[str, object]:
    return {"name": "zip", "path": str(write_zip(tmp / "x.zip", FILES))}


def _parquet(tmp: Path) -> dict[str, object]:
    table = images_table([*FILES.values()], [*FILES])
    return {"name": "parquet", "path": str(write_parquet(tmp / "x.parquet", table))}


def _metadata(tmp: Path) -> dict[str, object]:
    lines = "".join(f'{{"file": "{name}", "tags": ["solo"]}}\n' for name in FILES)
    root = write_folder(tmp / "tagged", {**FILES, "tags.jsonl": lines.encode()})
    return {"name": "metadata", "path": str(root)}


def _prepared(tmp: Path) -> dict[str, object]:
    packed = write_prepared(tmp / "prepared", write_folder(tmp / "flat", FLAT))
    return {"name": "prepared", "path": str(packed.folder)}


SMALLEST: dict[str, Callable[[Path], dict[str, object]]] = {
    "faces": _faces, "folder": _folder, "classes": _classes, "path": _path, "tar": _tar,
    "zip": _zip, "parquet": _parquet, "metadata": _metadata, "prepared": _prepared,
}  # fmt: skip


def listed(spec: SourceSpec, tmp: Path) -> Listing:
    return spec.located().listing(FileMemory(tmp / "seen"), silent)


def refusals(listing: Listing) -> dict[str, Reason]:
    return {drop.name: drop.reason for drop in listing.refused}


@pytest.mark.parametrize("name", SOURCES.names())
def test_contract(name: str, tmp_path: Path) -> None:
    """Every source lists in name order, pickles, and reads any part in any process."""
    spec = SOURCES.parse(SMALLEST[name](tmp_path)).located()
    listing = listed(spec, tmp_path)
    names = [item.name for item in listing.items]
    assert len(names) >= 4
    assert names == sorted(set(names))
    assert [item.index for item in listing.items] == list(range(len(names)))
    assert str(tmp_path) not in spec.describe()
    assert not any(str(tmp_path) in item.name for item in listing.items)
    part = listing.items[1:3]
    copy = pickle.loads(pickle.dumps(spec))
    for item, payload in copy.read(part, 16):
        if isinstance(payload, bytes):
            assert hashlib.sha256(payload).hexdigest() == item.sha256
        else:
            assert isinstance(payload, Drawn)
            assert payload.pixels.shape == (16, 16, 3)
    assert {item.name for item, _ in copy.read(part, 16)} == {item.name for item in part}
    assert listed(spec, tmp_path) == listing


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)
    for spec in SOURCES:
        assert all(meaning(code) == words for code, words in spec.reasons.items())


def test_class_folders_become_labels(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", {**FILES, "a/deep/x.png": png(9), "stray.png": png(8)})
    listing = listed(SOURCES.parse({"name": "classes", "path": str(root)}), tmp_path)
    assert {item.label for item in listing.items} == {"a", "b"}
    assert {i.name: i.label for i in listing.items}["a/deep/x.png"] == "a"
    assert refusals(listing) == {"stray.png": Reason.NO_CLASS}


def test_without_class_folders(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FLAT)
    with pytest.raises(DataError, match="no class folders"):
        listed(SOURCES.parse({"name": "classes", "path": str(root)}), tmp_path)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (FILES, "classes"),
        ({**FILES, "README.txt": b"words"}, "classes"),
        ({**FILES, "stray.png": png(9)}, "folder"),
        ({**FILES, "a/deep/x.png": png(9)}, "folder"),
        ({"only/1.png": png(1), "only/2.png": png(2)}, "folder"),
        ({f"{split}/{n}.png": png(n) for split in ("train", "Test") for n in (1, 2)}, "folder"),
        ({f"{n:04d}/{n}.png": png(n) for n in range(4)}, "folder"),
        ({f"{n}/{n}.png": png(n) for n in range(4)}, "classes"),
        (FLAT, "folder"),
        ({**FLAT, "tags.jsonl": b"{}"}, "metadata"),
        ({**FILES, "Metadata-1.json": b"{}"}, "metadata"),
        ({**FLAT, "meta/metadata/2018000": b"{}"}, "folder"),
        ({**FLAT, "metadata/2018000.json": b"{}"}, "metadata"),
        ({**FLAT, "a-0.json": b"{}"}, "metadata"),
        ({**FLAT, "a-0.png.json": b"{}"}, "metadata"),
        ({**FLAT, "package.json": b"{}"}, "folder"),
        ({"README.md": b"x", "data/train-0": parquet_bytes(FLAT)}, "parquet"),
        ({**FLAT, "train-0.parquet": parquet_bytes(FLAT)}, "folder"),
    ],
)
def test_a_path_is_looked_at(files: dict[str, bytes], expected: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", files)
    assert SOURCES.parse({"name": "path", "path": str(root)}).located().name == expected


FILE_KINDS = {
    "tar": tar_bytes({"BMW.png": png(1), "2.png": png(2)}),
    "tar.gz": gzip.compress(tar_bytes(FLAT)),
    "old tar": old_tar_bytes(FLAT),
    "zip": zip_bytes(FLAT),
    "zip that unpacks itself": b"#!/bin/sh\n" * 99 + zip_bytes(FLAT),
    "parquet": parquet_bytes(FLAT),
}


@pytest.mark.parametrize("kind", FILE_KINDS)
@pytest.mark.parametrize("suffix", ["", ".tar", ".zip"])
def test_the_content_of_a_file_decides_not_its_name(kind: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"some{suffix}"
    file.write_bytes(FILE_KINDS[kind])
    spec = SOURCES.parse({"name": "path", "path": str(file)}).located()
    assert spec.name in kind.replace(".", " ").split()
    assert len(listed(spec, tmp_path).items) >= 2


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "neither"), (b"hello" * 300, "neither"), (b"PK\3\4", "neither"), (png(1), "one image")],
)
def test_a_file_of_no_known_kind(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(DataError, match=message):
        SOURCES.parse({"name": "path", "path": str(tmp_path / "x.tar")}).located()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tar")
    for name in ("path", "tar", "zip", "parquet", "folder"):
        with pytest.raises(DataError):
            SOURCES.parse({"name": name, "path": str(tmp_path / "x.tar")}).located()


ARCHIVES = {"tar": write_tar, "zip": write_zip}


def archive_listing(kind: str, files: dict[str, bytes], tmp: Path, **options: str) -> Listing:
    path = ARCHIVES[kind](tmp / f"x.{kind}", files)
    return listed(SOURCES.parse({"name": kind, "path": str(path), **options}), tmp)


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (FILES, {"a", "b"}),
        ({f"top/set/{name}": data for name, data in FILES.items()}, {"a", "b"}),
        ({**{f"top/{n}": d for n, d in FILES.items()}, "top/README.txt": b"words"}, {"a", "b"}),
        (FLAT, {None}),
        ({f"only/{name}": data for name, data in FLAT.items()}, {None}),
        ({**FILES, "stray.png": png(9)}, {None}),
        ({**FILES, "a/deep/x.png": png(9)}, {None}),
        ({f"{n:03d}/{n}.png": png(n) for n in range(3)}, {None}),
        ({"train/1.png": png(1), "val/2.png": png(2)}, {None}),
    ],
)
def test_class_folders_in_an_archive(
    kind: str, files: dict[str, bytes], labels: set[str | None], tmp_path: Path
) -> None:
    listing = archive_listing(kind, files, tmp_path)
    assert {item.label for item in listing.items} == labels
    outside = {"top/README.txt": Reason.NO_CLASS} if "top/README.txt" in files else {}
    assert refusals(listing) == outside


def test_the_container_changes_neither_content_nor_labels(tmp_path: Path) -> None:
    """What the digest of a data set is made of is the same in every place."""
    files = {**FILES, "README.txt": b"words", "a/notes.txt": b"more"}
    root = str(write_folder(tmp_path / "set", files))
    found = {
        frozenset((i.name, i.sha256, i.label, i.tags) for i in listing.items)
        for listing in (
            listed(SOURCES.parse({"name": "path", "path": root}), tmp_path),
            archive_listing("tar", files, tmp_path),
            archive_listing("zip", files, tmp_path),
        )
    }
    assert len(found) == 1


@pytest.mark.parametrize("kind", ARCHIVES)
def test_classes_as_they_are_asked_for(kind: str, tmp_path: Path) -> None:
    assert {i.label for i in archive_listing(kind, FILES, tmp_path, classes="no").items} == {None}
    buckets = {f"set/{n:03d}/{n}.png": png(n) for n in range(3)}
    forced = archive_listing(kind, {**buckets, "set/x.png": png(7)}, tmp_path, classes="yes")
    assert [item.label for item in forced.items] == ["000", "001", "002"]
    assert refusals(forced) == {"set/x.png": Reason.NO_CLASS}
    single = archive_listing(
        kind, {f"one/{n}": d for n, d in FLAT.items()}, tmp_path, classes="yes"
    )
    assert {item.label for item in single.items} == {"one"}
    with pytest.raises(DataError, match="no class folders"):
        archive_listing(kind, FLAT, tmp_path, classes="yes")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_is_scanned_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("animesearch.datasets.memory.SETTLED_S", -1)
    stages: list[str] = []
    path = ARCHIVES[kind](tmp_path / "x", {**FILES, "b/tags.json": b"[]", "README": b"words"})
    spec = SOURCES.parse({"name": kind, "path": str(path)}).located()
    memory = FileMemory(tmp_path / "seen")
    first = spec.listing(memory, lambda *event: stages.append(event[0]))
    assert stages
    stages.clear()
    assert spec.listing(memory, lambda *event: stages.append(event[0])) == first
    assert not stages


def test_folders_keep_out_what_is_no_file(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FLAT)
    outside = tmp_path / "secret.png"
    outside.write_bytes(png(99))
    (root / "link.png").symlink_to(outside)
    (root / "inside.png").symlink_to(root / "a-0.png")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.png")
    listing = listed(SOURCES.parse({"name": "folder", "path": str(root)}), tmp_path)
    assert [item.name for item in listing.items] == sorted(FLAT)
    assert refusals(listing) == {
        "link.png": Reason.LINK, "inside.png": Reason.LINK, "loop": Reason.LINK,
        "pipe.png": Reason.NOT_A_FILE,
    }  # fmt: skip


def test_a_folder_may_itself_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write_folder(tmp_path / "set", FLAT))
    spec = SOURCES.parse({"name": "folder", "path": str(tmp_path / "link")})
    assert len(listed(spec, tmp_path).items) == len(FLAT)


def test_deep_nesting_ends(tmp_path: Path) -> None:
    deep = "/".join(["d"] * (MAX_DEPTH + 3))
    root = write_folder(tmp_path / "set", {**FLAT, f"{deep}/x.png": png(1)})
    listing = listed(SOURCES.parse({"name": "folder", "path": str(root)}), tmp_path)
    assert len(listing.items) == len(FLAT)
    assert list(refusals(listing).values()) == [Reason.TOO_DEEP]


def test_names_that_are_not_unicode(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FLAT)
    (root / os.fsdecode(b"\xff\xfe.png")).write_bytes(png(50))
    spec = SOURCES.parse({"name": "folder", "path": str(root)}).located()
    item = next(item for item in listed(spec, tmp_path).items if "\\xff" in item.name)
    assert next(spec.read([item], 8))[1] == png(50)


def test_a_changed_file_is_hashed_again_and_an_old_one_is_not(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FLAT)
    spec = SOURCES.parse({"name": "folder", "path": str(root)})
    before = listed(spec, tmp_path)
    (root / "a-0.png").write_bytes(png(0)[:-1] + b"!")
    after = listed(spec, tmp_path)
    changed = [a.name for a, b in zip(before.items, after.items, strict=True) if a != b]
    assert changed == ["a-0.png"]


def test_broken_memory_is_void(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "seen")
    memory.store(tmp_path, {"x": 1})
    assert memory.recall(tmp_path) == {"x": 1}
    for text in ("", "[]", '{"version": 0, "content": {}}', '{"version": 1, "content": 3}'):
        for file in (tmp_path / "seen").iterdir():
            file.write_text(text)
        assert memory.recall(tmp_path) == {}


def tar_listing(path: Path, tmp: Path) -> Listing:
    return listed(SOURCES.parse({"name": "tar", "path": str(path)}), tmp)


def test_tar_tricks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("good/1.png", "./good/2.png", "again.png", "again.png"):
            add_member(tar, name, png(1))
        for name in ("../up.png", "/etc/abs.png", "a/../../b.png", "..\\win.png", "C:/x.png"):
            add_member(tar, name, png(2))
        for name, kind in (("sym.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "/etc/passwd"
            tar.addfile(link)
        add_member(tar, "pipe", b"", tarfile.FIFOTYPE)
        add_member(tar, "device", b"", tarfile.CHRTYPE)
        add_member(tar, "folder", b"", tarfile.DIRTYPE)
    listing = tar_listing(path, tmp_path)
    assert [i.name for i in listing.items] == ["again.png", "good/1.png", "good/2.png"]
    found = {str(reason): 0 for reason in Reason}
    for drop in listing.refused:
        found[drop.reason] += 1
    assert {reason: n for reason, n in found.items() if n} == {
        "unsafe-path": 5, "link": 2, "not-a-file": 2, "repeated-name": 1,
    }  # fmt: skip


def test_of_repeated_members_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        add_member(tar, "a.png", png(1))
        add_member(tar, "a.png", png(2))
    spec = SOURCES.parse({"name": "tar", "path": str(path)}).located()
    assert [data for _, data in spec.read(listed(spec, tmp_path).items, 8)] == [png(2)]


def test_members_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    """A header may declare any size; nothing of that size is ever read."""
    huge = tarfile.TarInfo("big.png")
    huge.size = 1 << 40
    data = png(1).ljust(1024, b"\0")
    first = tarfile.TarInfo("a.png")
    first.size = len(data)
    path = tmp_path / "x.tar"
    path.write_bytes(first.tobuf() + data + huge.tobuf())
    listing = tar_listing(path, tmp_path)
    assert [item.name for item in listing.items] == ["a.png"]
    assert refusals(listing)["big.png"] is Reason.TOO_MANY_BYTES


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "zstd"])
def test_compressed_tars_give_what_plain_ones_give(mode: str, tmp_path: Path) -> None:
    plain = write_tar(tmp_path / "plain.tar", FILES)
    packed = tmp_path / "packed.tar"
    if mode == "zstd":
        packed.write_bytes(pa.Codec("zstd").compress(plain.read_bytes(), asbytes=True))
    else:
        write_tar(packed, FILES, mode)
    spec = SOURCES.parse({"name": "tar", "path": str(packed)}).located()
    listing = listed(spec, tmp_path)
    assert listing.sequential
    assert listing.items == tar_listing(plain, tmp_path).items
    read = {item.name: data for item, data in spec.read(listing.items[2:6], 8)}
    assert read == {item.name: FILES[item.name] for item in listing.items[2:6]}


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "FREE_BYTES", 1 << 20)
    bomb = write_tar(tmp_path / "x.tar.gz", {"zeros.png": bytes(8 << 20)}, "w:gz")
    with pytest.raises(ArchiveBombError, match="bomb"):
        tar_listing(bomb, tmp_path)


@pytest.mark.parametrize("data", [b"", b"hello" * 300, b"\x1f\x8bgarbage", b"BZh9garbage"])
def test_what_is_no_tar(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with pytest.raises(DataError, match="not a readable tar"):
        tar_listing(path, tmp_path)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_cut_tar_gives_what_stands_before_the_cut(mode: str, tmp_path: Path) -> None:
    files = {f"{n}.png": os.urandom(4000) for n in range(20)}
    path = write_tar(tmp_path / "x.tar", files, mode)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    listing = tar_listing(path, tmp_path)
    assert 4 <= len(listing.items) <= 12
    assert refusals(listing) == {"x.tar": Reason.ARCHIVE_BROKEN}


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {f"{n}.png": bytes(512) for n in range(4)})
    data = bytearray(path.read_bytes())
    data[2048:2060] = b"\xff" * 12
    path.write_bytes(data)
    listing = tar_listing(path, tmp_path)
    assert [item.name for item in listing.items] == ["0.png", "1.png"]
    assert refusals(listing) == {"x.tar": Reason.ARCHIVE_BROKEN}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["w", "w:gz"]))
def test_damaged_tars_list_or_say_why(seed: int, mode: str) -> None:
    lot = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, data in FLAT.items():
            add_member(tar, name, data)
    data = bytearray(buffer.getvalue())
    for place in lot.integers(0, len(data), 12):
        data[place] = lot.integers(0, 256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tar"
        path.write_bytes(data)
        try:
            listing = tar_listing(path, Path(folder))
        except DataError:
            return
        assert len(listing.items) <= len(FLAT)


@pytest.mark.parametrize("name", [n for n in SOURCES.names() if n not in ("faces", "path")])
def test_what_is_gone_since_the_listing_reads_as_none(name: str, tmp_path: Path) -> None:
    spec = SOURCES.parse(SMALLEST[name](tmp_path)).located()
    items = listed(spec, tmp_path).items
    place = Path(spec.path)
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert len(list(spec.read(items, 8))) == len(items)
    assert all(payload is None for _, payload in spec.read(items, 8))


@pytest.mark.parametrize("name", [n for n in SOURCES.names() if n != "faces"])
def test_a_place_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing-place"):
        SOURCES.parse({"name": name, "path": str(tmp_path / "missing-place")}).located()


def test_a_misspelt_source_gets_a_hint() -> None:
    with pytest.raises(DataError, match="did you mean 'faces'"):
        SOURCES.parse({"name": "path", "path": "face"}).located()


def test_a_folder_where_a_tar_is_meant_and_the_other_way(tmp_path: Path) -> None:
    for name in ("tar", "zip"):
        with pytest.raises(DataError, match=r"is a folder; source .* reads a file"):
            SOURCES.parse({"name": name, "path": str(tmp_path)}).located()
    file = tmp_path / "x"
    file.write_bytes(b"1")
    with pytest.raises(DataError, match="is a file"):
        SOURCES.parse({"name": "folder", "path": str(file)}).located()


@pytest.mark.parametrize("name", [n for n in SOURCES.names() if n != "faces"])
def test_a_name_that_no_disk_can_hold(name: str) -> None:
    with pytest.raises(DataError, match="cannot be looked at"):
        SOURCES.parse({"name": name, "path": "x" * 5000}).located()
