"""Zips: what they hold comes out as it went in, and what they try is refused."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.datasets import contents
from animesearch.datasets.contents import ArchiveBombError
from animesearch.datasets.decode import decode
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.refusals import ENCRYPTED, MEMBER_BROKEN, UNKNOWN_METHOD
from animesearch.datasets.sources import SOURCES, Listing, SourceSpec
from animesearch.errors import DataError
from tests.datasets.containers import set_in_directory, write_zip, zip_bytes, zip_of
from tests.datasets.pictures import png, silent

FILES = {f"{number}.png": png(number) for number in range(5)}
FLAGS, METHOD, PACKED, SIZE, NAME, OFFSET = 8, 10, 20, 24, 46, 42
"""Places of fields in an entry of the directory."""


def source(path: Path) -> SourceSpec:
    return SOURCES.parse({"name": "zip", "path": str(path), "classes": "no"}).located()


def listed(path: Path) -> Listing:
    return source(path).listing(FileMemory(path.parent / "seen"), silent)


def of(data: bytes, tmp: Path) -> Listing:
    (tmp / "x.zip").write_bytes(data)
    return listed(tmp / "x.zip")


def read_all(path: Path) -> dict[str, bytes | None]:
    return {item.name: data for item, data in source(path).read(listed(path).items, 8)}


def refusals(listing: Listing) -> dict[str, str]:
    return {drop.name: drop.reason for drop in listing.refused}


def details(listing: Listing) -> dict[str, str]:
    return {drop.name: drop.detail for drop in listing.refused}


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@pytest.mark.parametrize("method", METHODS)
def test_members_come_out_as_they_went_in(method: int, tmp_path: Path) -> None:
    files = {**FILES, "empty": b"", "a/deep/one.png": png(9)}
    path = write_zip(tmp_path / "x.zip", files, method)
    assert read_all(path) == files
    assert not listed(path).refused
    assert not listed(path).sequential


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\\\0:."), min_size=1).filter(
            lambda name: "/" not in name
        ),
        st.binary(max_size=300),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(METHODS),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_any_names_and_bytes(
    files: dict[str, bytes], method: int, before: bytes, comment: bytes
) -> None:
    """With anything before the archive, as in a program that unpacks itself, and a comment."""
    buffer = io.BytesIO(before)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", method) as archive:
        archive.comment = comment
        for name, data in files.items():
            archive.writestr(name, data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(buffer.getvalue())
        if comment.count(b"PK\5\6"):
            return
        assert read_all(path) == files


def test_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 20)
    path = write_zip(tmp_path / "x.zip", FILES)
    data = path.read_bytes()
    assert data.count(b"PK\6\6") == data.count(b"PK\6\7") == 1
    assert data.count(b"\xff\xff\xff\xff") >= 2 * len(FILES)
    assert read_all(path) == FILES
    path.write_bytes(b"a program that unpacks itself" + data)
    assert read_all(path) == FILES


class _Pipe(io.RawIOBase):
    """Cannot seek, so that lengths stand after the members."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, part: object) -> int:
        self.data += bytes(part)  # type: ignore[call-overload]
        return len(bytes(part))  # type: ignore[call-overload]


def test_a_zip_written_to_a_pipe(tmp_path: Path) -> None:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    (tmp_path / "x.zip").write_bytes(pipe.data)
    assert struct.unpack_from("<H", pipe.data, 6)[0] & 8
    assert read_all(tmp_path / "x.zip") == FILES


def _info(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def test_tricks_are_refused(tmp_path: Path) -> None:
    unsafe = ["../up.png", "/etc/abs.png", "a/../../b.png", "..\\win.png", "C:/x.png", "\\\\h\\x"]
    path = zip_of(
        tmp_path / "x.zip",
        [
            *((_info(name), png(1)) for name in ("good/1.png", "./good/2.png")),
            *((_info("again.png"), png(number)) for number in (2, 3)),
            *((_info(name), png(2)) for name in unsafe),
            (_info("sym.png", stat.S_IFLNK | 0o777), b"/etc/passwd"),
            (_info("pipe", stat.S_IFIFO | 0o644), b""),
            (_info("file.png", stat.S_IFREG | 0o644), png(4)),
            (_info("folder/", stat.S_IFDIR | 0o755), b""),
        ],
    )
    listing = listed(path)
    names = ["again.png", "file.png", "good/1.png", "good/2.png"]
    assert [item.name for item in listing.items] == names
    assert read_all(path)["again.png"] == png(3)
    found = [drop.reason for drop in listing.refused]
    assert {reason: found.count(reason) for reason in found} == {
        "unsafe-path": 6, "link": 1, "not-a-file": 1, "repeated-name": 1,
    }  # fmt: skip


@pytest.mark.parametrize("flag", [0x0001, 0x0041, 0x2000])
def test_what_is_encrypted_is_refused(flag: int, tmp_path: Path) -> None:
    data = set_in_directory(zip_bytes(FILES), "2.png", FLAGS, "<H", flag)
    listing = of(data, tmp_path)
    assert refusals(listing) == {"2.png": ENCRYPTED}
    assert len(listing.items) == 4


def test_methods_that_are_not_read(tmp_path: Path) -> None:
    data = zip_bytes({**FILES, "lzma.png": png(7)})
    with_lzma = set_in_directory(data, "lzma.png", METHOD, "<H", 14)
    listing = of(with_lzma, tmp_path)
    assert refusals(listing) == {"lzma.png": UNKNOWN_METHOD}
    assert "14; read are stored, deflate, bzip2" in listing.refused[0].detail


@pytest.mark.parametrize(
    ("place", "kind", "value", "reason", "detail"),
    [
        (SIZE, "<L", 1 << 31, Reason.TOO_MANY_BYTES, "2,147,483,648 bytes"),
        (PACKED, "<L", 1 << 31, Reason.TOO_MANY_BYTES, "2,147,483,648 bytes"),
        (SIZE, "<L", 10, MEMBER_BROKEN, "does not unpack to 10 bytes"),
        (SIZE, "<L", 100_000, MEMBER_BROKEN, "does not unpack to 100,000 bytes"),
        (PACKED, "<L", 3, MEMBER_BROKEN, "unpack"),
        (16, "<L", 1, MEMBER_BROKEN, "checksum"),
        (OFFSET, "<L", 5, MEMBER_BROKEN, "no member at byte 5"),
        (OFFSET, "<L", 1 << 30, MEMBER_BROKEN, "ends before byte"),
    ],
)
def test_a_directory_that_lies(
    place: int, kind: str, value: int, reason: str, detail: str, tmp_path: Path
) -> None:
    data = set_in_directory(zip_bytes(FILES), "3.png", place, kind, value)
    listing = of(data, tmp_path)
    assert refusals(listing) == {"3.png": reason}
    assert detail in details(listing)["3.png"]


def test_damaged_bytes_of_a_member(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", FILES)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("1.png").header_offset + 60
    data = bytearray(path.read_bytes())
    data[place : place + 20] = bytes(20)
    assert refusals(of(bytes(data), tmp_path)) == {"1.png": MEMBER_BROKEN}


def test_a_bomb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "FREE_BYTES", 1 << 20)
    data = zip_bytes({"zeros.png": bytes(4 << 20), "more.png": bytes(4 << 20)})
    with pytest.raises(ArchiveBombError, match=r"unpacks to 8,388,608 bytes.*bomb"):
        of(data, tmp_path)


def test_members_that_lie_over_each_other_are_a_bomb(tmp_path: Path) -> None:
    """Many entries for the same bytes (Fifield, "A better zip bomb", 2019)."""
    data = zip_bytes({"0.png": bytes(np.random.default_rng(0).bytes(5000))}, zipfile.ZIP_STORED)
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entries = b"".join(data[start:end].replace(b"0.png", b"%d.png" % n) for n in range(9))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, len(entries), start, 0)
    with pytest.raises(ArchiveBombError, match="lie over each other"):
        of(data[:start] + entries + tail, tmp_path)


def test_a_member_never_unpacks_beyond_its_declared_length(tmp_path: Path) -> None:
    zeros = zip_bytes({"zeros.png": bytes(30 << 20)})
    data = set_in_directory(zeros, "zeros.png", SIZE, "<L", 1000)
    tracemalloc.start()
    try:
        listing = of(data, tmp_path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refusals(listing) == {"zeros.png": MEMBER_BROKEN}
    assert most < 5 << 20


def test_a_zip_in_a_zip_is_no_image(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {**FILES, "inner.zip": zip_bytes(FILES)})
    inner = read_all(path)["inner.zip"]
    assert inner is not None
    result = decode(inner)
    assert isinstance(result, Dropped)
    assert result.reason == Reason.NOT_AN_IMAGE


def _named(raw: bytes, flags: int = 0, system: int = 3, extra: bytes = b"") -> bytes:
    """A zip of one member whose name and extra field stand as they are given."""
    data = png(1)
    sizes = struct.pack("<3L", zlib.crc32(data), len(data), len(data))
    local = b"PK\3\4" + struct.pack("<5H", 20, flags, 0, 0, 0) + sizes
    local += struct.pack("<2H", len(raw), 0) + raw + data
    entry = b"PK\1\2" + struct.pack("<2B5H", 20, system, 20, flags, 0, 0, 0) + sizes
    entry += struct.pack("<5H2L", len(raw), len(extra), 0, 0, 0, 0, 0) + raw + extra
    return local + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


def _unicode_path(raw: bytes, name: str, crc: int | None = None) -> bytes:
    field = struct.pack("<BL", 1, zlib.crc32(raw) if crc is None else crc) + name.encode()
    return struct.pack("<2H", 0x7075, len(field)) + field


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (_named("初音.png".encode(), flags=0x800), "初音.png"),
        (_named("初音.png".encode()), "初音.png"),
        (_named(b"caf\x82.png"), "café.png"),
        (_named(b"\xff.png", flags=0x800), "\\xff.png"),
        (_named(b"x.png", extra=_unicode_path(b"x.png", "初音.png")), "初音.png"),
        (_named(b"x.png", extra=_unicode_path(b"x.png", "初音.png", 1)), "x.png"),
        (_named(b"x.png", extra=b"\x75\x70\xff\xff\1"), "x.png"),
        (_named(b"a\\b.png", system=0), "a/b.png"),
    ],
)
def test_names(data: bytes, name: str, tmp_path: Path) -> None:
    assert [item.name for item in of(data, tmp_path).items] == [name]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"PK", b"hello" * 300, b"PK\3\4" + bytes(300), b"PK\5\6" + bytes(17),
        b"PK\5\6" + b"\xff" * 18, b"PK\6\7" + bytes(16) + b"PK\5\6" + bytes(18),
        zip_bytes(FILES)[:-40],
    ],
)  # fmt: skip
def test_what_is_no_zip(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a readable zip"):
        of(data, tmp_path)


def test_one_part_of_several(tmp_path: Path) -> None:
    data = bytearray(zip_bytes(FILES))
    struct.pack_into("<H", data, data.rindex(b"PK\5\6") + 4, 1)
    with pytest.raises(DataError, match="one part of several"):
        of(bytes(data), tmp_path)


def test_a_broken_directory_gives_what_stands_before_the_break(tmp_path: Path) -> None:
    data = bytearray(zip_bytes(FILES))
    place = data.rindex(b"PK\1\2", 0, data.rindex(b"3.png"))
    data[place : place + 4] = b"\xff" * 4
    listing = of(bytes(data), tmp_path)
    assert [item.name for item in listing.items] == ["0.png", "1.png", "2.png"]
    assert refusals(listing) == {"x.zip": Reason.ARCHIVE_BROKEN}


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.booleans())
def test_damaged_zips_list_or_say_why(seed: int, method: int, at_end: bool) -> None:
    lot = np.random.default_rng(seed)
    data = bytearray(zip_bytes(FILES, method))
    first = data.index(b"PK\1\2") if at_end else 0
    for place in lot.integers(first, len(data), 6):
        data[place] = lot.integers(0, 256)
    with tempfile.TemporaryDirectory() as folder:
        try:
            listing = of(bytes(data), Path(folder))
        except DataError:
            return
        assert len(listing.items) + len(listing.refused) <= len(FILES) + 2
        for item, payload in source(Path(folder) / "x.zip").read(listing.items, 8):
            assert payload is not None
            assert hashlib.sha256(payload).hexdigest() == item.sha256


def test_what_changed_since_the_listing_reads_as_none(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", FILES)
    items = listed(path).items
    write_zip(path, {name: png(50) for name in FILES}, zipfile.ZIP_STORED)
    assert [data for _, data in source(path).read(items, 8)] == [None] * len(FILES)
