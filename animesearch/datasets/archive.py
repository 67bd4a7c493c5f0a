"""Tar archives: their members listed and hashed in one pass, and read without unpacking.

Nothing is ever written to the disk, so a hostile member can name no place on it; members with
such names, links, devices and sparse files are refused all the same, each with its reason.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa

from animesearch.datasets.memory import settled, stamp
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources.base import (
    MAX_FILE_BYTES,
    Item,
    Listing,
    Memory,
    Payload,
    Progress,
)
from animesearch.errors import DataError

MAX_RATIO: Final = 100
FREE_BYTES: Final = 256 * 1024 * 1024
"""A compressed archive may unpack to this many bytes, or to ``MAX_RATIO`` times its size."""


def _zstd(path: Path) -> IO[bytes]:
    return cast(IO[bytes], pa.input_stream(str(path), compression="zstd"))


OPENERS: Final[dict[bytes, Callable[[Path], object]]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
FAULTS: Final = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
"""What a broken archive raises while it is read (``ValueError``: malformed headers)."""


class ArchiveBombError(DataError):
    """A compressed archive that unpacks to far more than it should."""


class _Bounded:
    """Reads a decompressed stream, never more than ``limit`` bytes of it."""

    def __init__(self, stream: IO[bytes], limit: int, name: str) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit
        self._name = name

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveBombError(
                f"'{self._name}' unpacks to more than {self._limit:,} bytes "
                f"({MAX_RATIO} times its size): refused as a decompression bomb"
            )
        return data

    def close(self) -> None:
        self._stream.close()


def compression(path: Path) -> Callable[[Path], object] | None:
    """What opens the archive decompressed, or ``None`` for a plain one."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), None)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tarfile.TarFile]:
    opener = compression(path)
    if opener is None:
        with tarfile.open(path, "r:") as archive:
            yield archive
        return
    limit = max(FREE_BYTES, MAX_RATIO * path.stat().st_size)
    stream = _Bounded(cast(IO[bytes], opener(path)), limit, path.name)
    plain = cast(IO[bytes], stream)
    with contextlib.closing(stream), tarfile.open(fileobj=plain, mode="r|") as archive:
        yield archive


def _each(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in one pass; the list that ``tarfile`` keeps of them does not grow."""
    for member in archive:
        yield member
        archive.members = []  # type: ignore[attr-defined]


def list_tar(path: Path, memory: Memory, progress: Progress) -> Listing:
    """Every regular member with the hash of its bytes, in name order.

    Raises :class:`DataError` for a file that is no tar.  An archive that breaks off gives what
    stands before the break, and one refusal that says so.
    """
    status = path.stat()
    remembered = _recalled(memory.recall(path).get("listing"), stamp(status))
    if remembered is not None:
        return remembered
    listing = _Scan(path, progress).listing()
    if settled(status):
        memory.store(path, {"listing": _plain(listing, stamp(status))})
    return listing


class _Scan:
    """One pass over an archive."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._size = path.stat().st_size
        self._items: dict[str, Item] = {}
        self._refused: list[Dropped] = []
        self._done = 0

    def listing(self) -> Listing:
        try:
            with _open(self._path) as archive:
                self._members(archive)
        except FAULTS as fault:
            self._broken(fault)
        self._progress("hash", self._size, self._size)
        sequential = compression(self._path) is not None
        return Listing.of(self._items.values(), self._refused, sequential)

    def _broken(self, fault: Exception) -> None:
        if self._done == 0:
            raise DataError(f"'{self._path.name}' is not a readable tar ({fault})") from fault
        self._refused.append(Dropped(self._path.name, Reason.ARCHIVE_BROKEN, str(fault)))

    def _members(self, archive: tarfile.TarFile) -> None:
        for member in _each(archive):
            self._done += 1
            if not member.isdir():
                self._member(archive, member)
            if self._done % 512 == 0:
                self._progress("hash", min(member.offset_data, self._size), self._size)
        self._check_end(archive)

    def _check_end(self, archive: tarfile.TarFile) -> None:
        """``tarfile`` takes a damaged header for the end: a plain archive ends in zeros."""
        if compression(self._path) is not None:
            return
        with self._path.open("rb") as file:
            file.seek(archive.offset)
            header = file.read(tarfile.BLOCKSIZE)
        if any(header):
            detail = f"no header at byte {archive.offset:,}"
            self._refused.append(Dropped(self._path.name, Reason.ARCHIVE_BROKEN, detail))

    def _member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = _clean(member.name)
        refusal = _refusal(member)
        if refusal is not None:
            self._refused.append(Dropped(name, refusal, f"{member.size:,} bytes"))
            return
        digest = _hash(archive, member)
        if name in self._items:
            self._refused.append(Dropped(name, Reason.REPEATED_NAME))
        self._items[name] = Item(name, digest, member.size, offset=member.offset_data)


def _clean(name: str) -> str:
    """A member's name as valid Unicode, without ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text if posixpath.isabs(text) else posixpath.normpath(text)


def _refusal(member: tarfile.TarInfo) -> Reason | None:
    parts = member.name.replace("\\", "/").split("/")
    if member.issym() or member.islnk():
        return Reason.LINK
    if member.issparse():
        return Reason.SPARSE
    if not member.isreg():
        return Reason.NOT_A_FILE
    if parts[0] == "" or ".." in parts or parts[0].endswith(":"):
        return Reason.UNSAFE_PATH
    return Reason.TOO_MANY_BYTES if member.size > MAX_FILE_BYTES else None


def _hash(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """SHA-256 of a member; ``tarfile`` raises where the archive ends before it."""
    file = archive.extractfile(member)
    digest = hashlib.sha256()
    while file is not None and (part := file.read(1 << 20)):
        digest.update(part)
    return digest.hexdigest()


def _plain(listing: Listing, now: list[int]) -> dict[str, object]:
    rows = [[item.name, item.sha256, item.size, item.offset] for item in listing.items]
    refused = [asdict(drop) for drop in listing.refused]
    return {"stamp": now, "items": rows, "refused": refused, "sequential": listing.sequential}


def _recalled(found: object, now: list[int]) -> Listing | None:
    if not isinstance(found, dict) or found.get("stamp") != now:
        return None
    try:
        items = [Item(n, sha, size, offset=offset) for n, sha, size, offset in found["items"]]
        refused = [Dropped(d["name"], Reason(d["reason"]), d["detail"]) for d in found["refused"]]
        return Listing.of(items, refused, bool(found["sequential"]))
    except (KeyError, TypeError, ValueError):
        return None


def read_tar(path: Path, items: Sequence[Item]) -> Iterator[tuple[Item, Payload]]:
    """The bytes of the items, in the order of the archive; ``None`` where they are gone."""
    ordered = sorted(items, key=lambda item: item.offset)
    return _stream(path, ordered) if compression(path) else _seek(path, ordered)


def _seek(path: Path, items: Iterable[Item]) -> Iterator[tuple[Item, Payload]]:
    with path.open("rb") as file:
        for item in items:
            file.seek(item.offset)
            data = file.read(item.size)
            yield item, data if len(data) == item.size else None


def _stream(path: Path, items: Sequence[Item]) -> Iterator[tuple[Item, Payload]]:
    wanted = {item.offset: item for item in items}
    try:
        with _open(path) as archive:
            for member in _each(archive):
                item = wanted.pop(member.offset_data, None)
                if item is not None:
                    file = archive.extractfile(member)
                    yield item, file.read() if file is not None else None
                if not wanted:
                    return
    except FAULTS:
        pass
    for item in wanted.values():
        yield item, None
