"""Tars and zips that lie about what they hold, and what must come of each."""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tests.datasets.pictures import png

ARCHIVE: Final = "x"
"""What the files are called."""
BROKEN: Final[Mapping[str, str]] = {ARCHIVE: "archive-broken"}


class Lie(NamedTuple):
    """A file; its members that are listed, and the reasons for what is not."""

    data: bytes
    kept: set[str]
    refused: Mapping[str, str]


BEFORE: Final = {"1.png", "2.png"}
"""Members that stand whole before every lie of a tar."""


def header(name: str, size: int, kind: bytes = b"0") -> bytearray:
    """One block; sizes below zero are written as GNU tar would."""
    member = tarfile.TarInfo(name)
    member.type = kind
    member.size = max(0, size)
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    if size < 0:
        block[124:136] = b"\xff" + (256**11 + size).to_bytes(11)
    return summed(block)


def summed(block: bytearray) -> bytearray:
    """A header with the right checksum."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return block


def padded(data: bytes) -> bytes:
    """To whole blocks."""
    return data.ljust(-(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, b"\0")


def member(name: str, data: bytes, kind: bytes = b"0") -> bytes:
    """A header and its content."""
    return header(name, len(data), kind) + padded(data)


def _tar(middle: bytes) -> bytes:
    images = [member(f"{number}.png", png(number)) for number in (1, 2, 3)]
    return images[0] + images[1] + middle + images[2] + bytes(1024)


def _sized(digits: bytes) -> bytearray:
    block = header("n.png", 5)
    block[124:136] = digits.ljust(12, b"\0")
    return summed(block)


def _broken_tars() -> dict[str, bytes]:
    return {
        "below-zero": header("n.png", -1), "back-to-itself": header("n.png", -512),
        "back-unsafe": header("../n.png", -512), "back-unknown": header("n", -512, b"Z"),
        "back-folder": header("n", -512, b"D"), "back-name": header("n", -512, b"L"),
        "back-fields": member("n", b"14 size=-1024\n", b"x"),
        "size-in-words": member("n", b"12 size=abc\n", b"x"), "words": _sized(b"five bytes"),
        "minus": _sized(b"-0000001000"),
        "longer-than-all": header("n.png", 100_000) + padded(png(5)),
        "name-huge": header("n", 1 << 40, b"L"), "name-huger": header("n", 1 << 62, b"L"),
        "fields-huge": header("n", 1 << 62, b"x"), "global-huge": header("n", 1 << 62, b"g"),
        "fields-of-digits": member("n", b"1" * 900_000, b"x"),
        "fields-in-fields": member("n", b"3 " * 400_000 + b"=", b"x"),
        "fields-empty": member("n", b"0 path=x\n", b"x"),
        "fields-cut": member("n", b"99 path=x\n", b"x"),
        "no-header": b"\xff" * 512, "header-moved": header("n.png", 5)[9:] + bytes(9),
    }  # fmt: skip


def lying_tars() -> dict[str, Lie]:
    """Lengths below zero and beyond the end, headers without end, fields that take for ever."""
    found = {name: Lie(_tar(data), BEFORE, BROKEN) for name, data in _broken_tars().items()}
    huge = _tar(header("n.png", 1 << 70))
    found["huge"] = Lie(huge, BEFORE, {"n.png": "too-many-bytes", **BROKEN})
    past = _tar(header("../n.png", 100_000) + padded(png(5)))
    found["past-the-end"] = Lie(past, BEFORE, {"../n.png": "unsafe-path", **BROKEN})
    short = _tar(header("../n.png", 100) + padded(png(5)))
    found["shorter-than-it-is"] = Lie(short, BEFORE, {"../n.png": "unsafe-path", **BROKEN})
    holes = header("n.png", 0, b"S")
    holes[482] = 1
    for name, rest in {"holes-cut": b"\1" * 512 * 3, "holes-missing": b""}.items():
        data = _tar(b"")[: -1024 - len(member("3.png", png(3)))] + summed(holes) + rest
        found[name] = Lie(data, BEFORE, BROKEN)
    for kind, named in {"x": "abc", "L": "abc", "g": "3.png"}.items():
        line = b"abc\0" if kind == "L" else b"12 path=abc\n"
        chain = _tar(member("n", line, kind.encode()) * 3000)
        found[f"chain-{kind}"] = Lie(chain, {*BEFORE, named}, {})
    found["behind-the-end"] = Lie(_tar(b"") + b"\xff" * 700, {*BEFORE, "3.png"}, {})
    found["no-end"] = Lie(_tar(b"")[:-1024], {*BEFORE, "3.png"}, {})
    return found


class Entry(NamedTuple):
    """One member of a zip, and what its entry in the directory says instead of the truth."""

    name: str
    data: bytes
    size: int | None = None
    packed: int | None = None
    offset: int | None = None
    crc: int | None = None


def zip_of(entries: Sequence[Entry]) -> bytes:
    """Stored members; numbers in the directory all stand in the zip64 field."""
    body, directory = b"", b""
    for entry in entries:
        raw, crc, length = entry.name.encode(), zlib.crc32(entry.data), len(entry.data)
        wide = (entry.size, length), (entry.packed, length), (entry.offset, len(body))
        lies = struct.pack("<2H3Q", 1, 24, *(right if lie is None else lie for lie, right in wide))
        told = crc if entry.crc is None else entry.crc
        directory += struct.pack(
            "<4s2B5H3L5H2L", b"PK\1\2", 45, 3, 45, 0x800, 0, 0, 0, told, 2**32 - 1, 2**32 - 1,
            len(raw), len(lies), 0, 0, 0, 0, 2**32 - 1,
        ) + raw + lies  # fmt: skip
        local = (b"PK\3\4", 45, 0x800, 0, 0, 0, crc, length, length, len(raw), 0)
        body += struct.pack("<4s5H3L2H", *local) + raw + entry.data
    count, place = len(entries), len(body)
    return body + directory + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), place, 0
    )  # fmt: skip


def _lies() -> Iterator[tuple[str, Entry, str]]:
    data, first = png(3), png(1)
    yield "starts-past-the-end", Entry("n.png", data, offset=1 << 20), "member-broken"
    yield "starts-nowhere", Entry("n.png", data, offset=2**63 - 1), "member-broken"
    yield "starts-at-most", Entry("n.png", data, offset=2**64 - 1), "member-broken"
    yield "ends-past-the-end", Entry("n.png", data, packed=200 << 20), "member-broken"
    yield "ends-nowhere", Entry("n.png", data, packed=2**64 - 1), "too-many-bytes"
    yield "larger", Entry("n.png", data, size=200 << 20), "member-broken"
    yield "largest", Entry("n.png", data, size=2**64 - 1), "too-many-bytes"
    yield "smaller", Entry("n.png", data, size=9), "member-broken"
    yield "shorter", Entry("n.png", data, packed=9), "member-broken"
    yield "checksum", Entry("n.png", data, crc=7), "member-broken"
    yield "inside-another", Entry("n.png", data, offset=9), "member-broken"
    yield "over-another", Entry("n.png", first, offset=0, size=len(first) - 1), "member-broken"
    yield "zero", Entry("n\0.png", data), "unsafe-path"
    yield "outside", Entry("../n.png", data), "unsafe-path"


def lying_zips() -> dict[str, Lie]:
    """Two whole members stand before every lie."""
    whole = [Entry("1.png", png(1)), Entry("2.png", png(2))]
    found = {
        name: Lie(zip_of([*whole, entry]), BEFORE, {entry.name: reason})
        for name, entry, reason in _lies()
    }
    shared = Entry("n.png", png(1), offset=0)
    found["the-same-bytes"] = Lie(zip_of([*whole, shared]), {*BEFORE, "n.png"}, {})
    return found
