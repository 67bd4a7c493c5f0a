"""The members of a tar, one after another (POSIX.1-2017 ustar and pax, GNU tar, Unix V7).

Written for hostile files: a damaged header is a fault, not the end of the archive; no length that
a header declares is allocated or passed over unchecked; headers of headers are read in a loop, and
their fields in one pass.  The standard library's reader loops for ever on some such files, and
recurses or allocates until it fails on others (CVE-2024-6232, CVE-2025-8194 and their like).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

BLOCK: Final = 512
MAX_HEADER_BYTES: Final = 1024 * 1024
"""A long name, or the fields of one member, with all that its system keeps beside them."""
REGULAR: Final = (b"0", b"\0", b"7")
LINKS: Final = (b"1", b"2")
FOLDER: Final = b"5"
SPARSE: Final = b"S"
NO_CONTENT: Final = (*LINKS, b"3", b"4", FOLDER, b"6")
"""Links, devices, folders and pipes: whatever size stands there, nothing follows."""
LONG_NAME: Final = b"L"
FIELDS: Final = (b"x", b"X")
EXTENDED: Final = (LONG_NAME, b"K", *FIELDS, b"g")
"""Headers of the member that follows, or (``g``) of all that follow."""
NOWHERE: Final = 1 << 63
"""What no archive is as long as."""


class TarFormatError(ValueError):
    """The file is no tar, or is damaged here."""


class Forward(Protocol):
    """A file that need not go back."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer only at the end."""

    def seek(self, place: int, /) -> int:
        """To a place that is not before what was read last."""


class Member(NamedTuple):
    """One member; ``offset`` of its content counts from the start of the archive, in bytes.

    A name that is not UTF-8 comes out as Python shows such names of files.
    """

    name: str
    kind: bytes
    size: int
    offset: int
    sparse: bool


class _Given(NamedTuple):
    """What extended headers say of the member that follows them."""

    name: bytes | None = None
    size: int | None = None
    sparse: bool = False


def members(file: Forward, end: int = NOWHERE) -> Iterator[Member]:
    """Every member, at a time when its content has not been passed over yet.

    ``end`` is the length of the file where it is known.  Raises :class:`TarFormatError` at what
    is damaged, and whatever the file raises.  Fields for all that follows (``g``) are passed over:
    nobody writes names or sizes there.
    """
    place, given = 0, _Given()
    while block := _header(file, place, end):
        kind, size = block[156:157], _number(block[124:136])
        place += BLOCK
        if kind in EXTENDED:
            given = _given(given, kind, _content(file, size))
        else:
            place += _more_holes(file, block) if kind == SPARSE else 0
            member = _member(block, given, place)
            yield member
            size, given = member.size, _Given()
        place += -(-size // BLOCK) * BLOCK


def is_header(block: bytes) -> bool:
    """Whether a block is the header of a member, by its checksum."""
    try:
        return len(block) == BLOCK and _has_checksum(block)
    except TarFormatError:
        return False


def _header(file: Forward, place: int, end: int) -> bytes:
    """The next block; none at the end, which is a block of zeros or the end of the file."""
    if place > end:
        raise TarFormatError("unexpected end of data")
    file.seek(place)
    block = file.read(BLOCK)
    if block == bytes(BLOCK) or (not block and place):
        return b""
    if not is_header(block):
        raise TarFormatError(f"no header at byte {place:,}")
    return block


def _has_checksum(block: bytes) -> bool:
    """As the sum of the bytes, or, as some systems had it, of signed ones."""
    rest = block[:148] + b" " * 8 + block[156:]
    missing = sum(rest) - _number(block[148:156])
    return missing == 0 or missing == 256 * sum(byte > 127 for byte in rest)


def _number(field: bytes) -> int:
    """Octal digits, or a binary number behind the byte 0x80 (GNU); never below zero."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    digits = field.partition(b"\0")[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise TarFormatError(f"a number of a header is {digits.hex(' ')}")
    return int(digits or b"0", 8)


def _content(file: Forward, size: int) -> bytes:
    """Of an extended header."""
    if size > MAX_HEADER_BYTES:
        raise TarFormatError(f"a header of {size:,} bytes; at most {MAX_HEADER_BYTES:,} are read")
    data = file.read(size)
    if len(data) < size:
        raise TarFormatError("unexpected end of data")
    return data


def _more_holes(file: Forward, block: bytes) -> int:
    """How many bytes of further headers a sparse file has (GNU's old format)."""
    length, flag = 0, 482
    while block[flag]:
        block, flag = _content(file, BLOCK), 504
        length += BLOCK
    return length


def _member(block: bytes, given: _Given, offset: int) -> Member:
    raw = _until_zero(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        raw = _until_zero(block[345:500]) + b"/" + raw
    kind = block[156:157]
    if kind == b"\0" and raw.endswith(b"/"):  # before POSIX, folders were files with such names
        kind = FOLDER
    size = _number(block[124:136]) if given.size is None else given.size
    raw = raw if given.name is None else given.name
    return Member(
        name=raw.decode("utf-8", "surrogateescape").rstrip("/"),
        kind=kind,
        size=0 if kind in NO_CONTENT else size,
        offset=offset,
        sparse=given.sparse or kind == SPARSE,
    )


def _until_zero(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _given(given: _Given, kind: bytes, data: bytes) -> _Given:
    if kind == LONG_NAME:
        return given._replace(name=_until_zero(data))
    for key, value in _fields(data) if kind in FIELDS else ():
        if key in (b"path", b"GNU.sparse.name"):
            given = given._replace(name=value)
        if key == b"size":
            given = given._replace(size=_decimal(value))
        if key.startswith(b"GNU.sparse."):
            given = given._replace(sparse=True)
    return given


def _fields(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Lines of ``length key=value``; the length is that of the line."""
    place = 0
    while place < len(data) and data[place]:
        space = data.find(b" ", place, place + 20)
        stop = place + _decimal(data[place : max(place, space)])
        key, equals, value = data[space + 1 : stop - 1].partition(b"=")
        if not (space < stop <= len(data) and equals and data[stop - 1] == ord("\n")):
            raise TarFormatError("the fields of a header are damaged")
        yield key, value
        place = stop


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise TarFormatError(f"a field of a header is no number: {digits[:20].hex(' ')}")
    return int(digits)
