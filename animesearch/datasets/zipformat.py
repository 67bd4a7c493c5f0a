"""The directory of a zip and the bytes of its members (PKWARE APPNOTE 6.3.10, with zip64).

Written for hostile files: the directory is read entry by entry, so that its declared length costs
no memory; nothing is unpacked beyond the length that the directory declares.
"""

from __future__ import annotations

import bz2
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

STORED, DEFLATED, BZIP2 = 0, 8, 12
METHODS: Final = {STORED: "stored", DEFLATED: "deflate", BZIP2: "bzip2"}
ENCRYPTED_FLAGS: Final = 0x0001 | 0x0040 | 0x2000
UTF8_FLAG: Final = 0x0800
DOS, UNIX = 0, 3
"""Systems that the upper byte of "version made by" names."""

_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_ENTRY: Final = struct.Struct("<4s2B5H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT: Final = 0xFFFF
_FULL32: Final = 0xFFFFFFFF


class ZipFormatError(ValueError):
    """The file is no zip, or is damaged here."""


class Member(NamedTuple):
    """One entry of the directory; ``offset`` counts from the start of the file, in bytes."""

    name: str
    method: int
    packed: int
    size: int
    offset: int
    crc: int
    encrypted: bool
    unix_mode: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


class Directory(NamedTuple):
    """Where the entries stand: bytes from the start of the file; ``shift`` is what precedes it."""

    start: int
    size: int
    shift: int


def find_directory(file: IO[bytes], file_size: int) -> Directory:
    """From the record at the end of the file.  :class:`ZipFormatError` if there is none."""
    length = min(file_size, _END.size + _LONGEST_COMMENT)
    tail = _read(file, file_size - length, length)
    place = _end_record(tail)
    _, disk, first_disk, _, _, size, offset, _ = _END.unpack_from(tail, place)
    end = file_size - length + place
    found = _end64(file, end)
    if found is not None:
        end, disk, first_disk, size, offset = found
    if disk or first_disk:
        raise ZipFormatError("it is one part of several")
    shift = end - size - offset
    if shift < 0:
        raise ZipFormatError("its directory would begin before the file")
    return Directory(offset + shift, size, shift)


def _end_record(tail: bytes) -> int:
    place = tail.rfind(b"PK\5\6")
    while place >= 0:
        if place + _END.size <= len(tail):
            comment = _END.unpack_from(tail, place)[-1]
            if place + _END.size + comment <= len(tail):
                return place
        place = tail.rfind(b"PK\5\6", 0, place)
    raise ZipFormatError("no directory at its end")


def _end64(file: IO[bytes], end: int) -> tuple[int, int, int, int, int] | None:
    """End, disks, size and offset of the directory by the zip64 record, if there is one."""
    if end < _LOCATOR.size:
        return None
    magic, _, declared, _ = _LOCATOR.unpack(_read(file, end - _LOCATOR.size, _LOCATOR.size))
    if magic != b"PK\6\7":
        return None
    # What precedes the archive (a program that unpacks itself) moves the declared place.
    for place in (declared, end - _LOCATOR.size - _END64.size):
        if 0 <= place <= end - _LOCATOR.size - _END64.size:
            fields = _END64.unpack(_read(file, place, _END64.size))
            if fields[0] == b"PK\6\6":
                return place, fields[4], fields[5], fields[8], fields[9]
    raise ZipFormatError("its zip64 directory record is damaged")


def _read(file: IO[bytes], place: int, size: int) -> bytes:
    file.seek(place)
    data = file.read(size)
    if len(data) != size:
        raise ZipFormatError(f"it ends before byte {place + size:,}")
    return data


def members(file: IO[bytes], directory: Directory) -> Iterator[Member]:
    """Every entry, in the order of the directory.  :class:`ZipFormatError` at the first broken."""
    place, end = directory.start, directory.start + directory.size
    while place < end:
        fields = _ENTRY.unpack(_read(file, place, _ENTRY.size))
        if fields[0] != b"PK\1\2":
            raise ZipFormatError(f"no directory entry at byte {place:,}")
        name_size, extra_size, comment_size = fields[11:14]
        rest = file.read(name_size + extra_size)
        if len(rest) != name_size + extra_size:
            raise ZipFormatError("its directory breaks off")
        yield _member(fields, rest[:name_size], rest[name_size:], directory.shift)
        place += _ENTRY.size + name_size + extra_size + comment_size


def _member(fields: tuple[int, ...], raw: bytes, extra: bytes, shift: int) -> Member:
    system, flags, method, crc, outside = fields[2], fields[4], fields[5], fields[8], fields[16]
    extras = dict(_extras(extra))
    size, packed, offset = _wide(extras.get(0x0001, b""), (fields[10], fields[9], fields[17]))
    return Member(
        name=_name(raw, flags, system, extras.get(0x7075, b"")),
        method=method,
        packed=packed,
        size=size,
        offset=offset + shift,
        crc=crc,
        encrypted=bool(flags & ENCRYPTED_FLAGS),
        unix_mode=outside >> 16 if system == UNIX else 0,
    )


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """The extra fields by their numbers; what is malformed ends them."""
    while len(extra) >= 4:
        number, size = struct.unpack_from("<2H", extra)
        if 4 + size > len(extra):
            return
        yield number, extra[4 : 4 + size]
        extra = extra[4 + size :]


def _wide(wide: bytes, narrow: tuple[int, int, int]) -> list[int]:
    """Numbers that do not fit 32 bits stand, in this order, in the zip64 field."""
    found: list[int] = []
    for number in narrow:
        is_wide = number == _FULL32 and len(wide) >= 8
        found.append(int.from_bytes(wide[:8], "little") if is_wide else number)
        wide = wide[8:] if is_wide else wide
    return found


def _name(raw: bytes, flags: int, system: int, unicode_path: bytes) -> str:
    """As the flag says, or the Unicode field; else UTF-8 where it is that, else code page 437.

    Bytes that are not what the flag says come out as Python shows such names of files.
    """
    if len(unicode_path) > 5 and unicode_path[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
        raw, flags = unicode_path[5:], UTF8_FLAG
    try:
        name = raw.decode("utf-8", "surrogateescape" if flags & UTF8_FLAG else "strict")
    except UnicodeDecodeError:
        name = raw.decode("cp437")
    return name.replace("\\", "/") if system == DOS and "/" not in name else name


def unpacked(file: IO[bytes], member: Member) -> bytes:
    """The bytes of a member, checked by length and CRC; of :data:`METHODS` only.

    Raises :class:`ZipFormatError` if they are damaged, ``OSError`` if the file cannot be read.
    """
    fields = _LOCAL.unpack(_read(file, member.offset, _LOCAL.size))
    if fields[0] != b"PK\3\4":
        raise ZipFormatError(f"no member at byte {member.offset:,}")
    raw = _read(file, member.offset + _LOCAL.size + fields[9] + fields[10], member.packed)
    try:
        data = _inflated(raw, member.method, member.size)
    except (zlib.error, OSError, EOFError, ValueError) as fault:
        raise ZipFormatError(f"it does not unpack: {fault}") from None
    if len(data) != member.size:
        raise ZipFormatError(f"it does not unpack to {member.size:,} bytes")
    if zlib.crc32(data) != member.crc:
        raise ZipFormatError("its checksum is another")
    return data


def _inflated(raw: bytes, method: int, size: int) -> bytes:
    """At most one byte more than ``size``."""
    if method == STORED:
        return raw
    if method == BZIP2:
        return bz2.BZ2Decompressor().decompress(raw, size + 1)
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, size + 1)
