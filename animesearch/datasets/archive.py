"""Tar archives: their members listed and hashed in one pass, and read without unpacking.

Nothing is ever written to the disk, so a hostile member can name no place on it; members with
such names, links, devices and sparse files are refused all the same, each with its reason.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Final, cast

import pyarrow as pa

from animesearch.datasets.contents import (
    MAX_RATIO,
    ArchiveBombError,
    Contents,
    bomb_limit,
    clean_name,
    is_unsafe,
    remembered,
)
from animesearch.datasets.decode import looks_like_image
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources.base import MAX_FILE_BYTES, Item, Memory, Progress
from animesearch.datasets.tree import Tree
from animesearch.errors import DataError

HEAD_BYTES: Final = 16
"""Enough of a member to tell an image from anything else."""
HASH_BYTES: Final = 1024 * 1024


def _zstd(file: IO[bytes]) -> object:
    return pa.input_stream(file, compression="zstd")


OPENERS: Final[dict[bytes, Callable[[IO[bytes]], object]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
FAULTS: Final = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
"""What a broken archive raises while it is read (``ValueError``: malformed headers)."""


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


def compression(head: bytes) -> Callable[[IO[bytes]], object] | None:
    """What decompresses an archive that begins so, or ``None`` for a plain one."""
    return next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), None)


@contextlib.contextmanager
def _open(tree: Tree) -> Iterator[tarfile.TarFile]:
    with tree.open() as file:
        opener = compression(file.read(8))
        file.seek(0)
        if opener is None:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                yield archive
            return
        stream = _Bounded(cast(IO[bytes], opener(file)), bomb_limit(tree.entry().size), tree.name)
        plain = cast(IO[bytes], stream)
        with contextlib.closing(stream), tarfile.open(fileobj=plain, mode="r|") as archive:
            yield archive


def _each(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in one pass; the list that ``tarfile`` keeps of them does not grow."""
    for member in archive:
        yield member
        archive.members = []  # type: ignore[attr-defined]


def list_tar(tree: Tree, memory: Memory, progress: Progress) -> Contents:
    """Every regular member with the hash of its bytes.

    Raises :class:`DataError` for a file that is no tar.  An archive that breaks off gives what
    stands before the break, and one refusal that says so.
    """
    return remembered(tree, memory, lambda: _Scan(tree, progress).contents())


class _Scan:
    """One pass over an archive."""

    def __init__(self, tree: Tree, progress: Progress) -> None:
        self._tree = tree
        self._progress = progress
        self._size = tree.entry().size
        self._items: dict[str, Item] = {}
        self._found = Contents(sequential=compression(tree.head(size=8)) is not None)
        self._done = 0

    def contents(self) -> Contents:
        try:
            with _open(self._tree) as archive:
                self._members(archive)
        except FAULTS as fault:
            self._broken(fault)
        self._progress("hash", self._size, self._size)
        self._found.items = list(self._items.values())
        return self._found

    def _refuse(self, name: str, reason: Reason, detail: str = "") -> None:
        self._found.refused.append(Dropped(name, reason, detail))

    def _broken(self, fault: Exception) -> None:
        if self._done == 0:
            raise DataError(f"'{self._tree.name}' is not a readable tar ({fault})") from fault
        self._refuse(self._tree.name, Reason.ARCHIVE_BROKEN, str(fault))

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
        if self._found.sequential:
            return
        with self._tree.open() as file:
            file.seek(archive.offset)
            header = file.read(tarfile.BLOCKSIZE)
        if any(header):
            detail = f"no header at byte {archive.offset:,}"
            self._refuse(self._tree.name, Reason.ARCHIVE_BROKEN, detail)

    def _member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = clean_name(member.name)
        refusal = _refusal(member)
        if refusal is not None:
            self._refuse(name, refusal, f"{member.size:,} bytes")
            return
        digest, head = _hash(_member_file(archive, member), member.size)
        if name in self._items:
            self._refuse(name, Reason.REPEATED_NAME)
            self._found.images.discard(name)
        if looks_like_image(head):
            self._found.images.add(name)
        self._items[name] = Item(name, digest, member.size, offset=member.offset_data)


def _refusal(member: tarfile.TarInfo) -> Reason | None:
    if member.issym() or member.islnk():
        return Reason.LINK
    if member.issparse():
        return Reason.SPARSE
    if not member.isreg():
        return Reason.NOT_A_FILE
    if is_unsafe(member.name):
        return Reason.UNSAFE_PATH
    return Reason.TOO_MANY_BYTES if member.size > MAX_FILE_BYTES else None


def _member_file(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """A file at the start of the member: the archive itself where it can seek."""
    plain = archive.fileobj
    if isinstance(plain, io.BufferedReader):
        plain.seek(member.offset_data)
        return plain
    file = archive.extractfile(member)
    if file is None:
        raise tarfile.ReadError(f"member '{member.name}' has no content")
    return file


def _hash(file: IO[bytes], size: int) -> tuple[str, bytes]:
    """SHA-256 and the first bytes; ``EOFError`` where the archive ends before the member."""
    digest = hashlib.sha256()
    head = b""
    while size:
        part = file.read(min(size, HASH_BYTES))
        if not part:
            raise EOFError("unexpected end of data")
        head = head or part[:HEAD_BYTES]
        digest.update(part)
        size -= len(part)
    return digest.hexdigest(), head


def read_tar(tree: Tree, items: Sequence[Item]) -> Iterator[tuple[Item, bytes | None]]:
    """The bytes of the items, in the order of the archive; ``None`` where they are gone."""
    ordered = sorted(items, key=lambda item: item.offset)
    return _stream(tree, ordered) if compression(tree.head(size=8)) else _seek(tree, ordered)


def _seek(tree: Tree, items: Iterable[Item]) -> Iterator[tuple[Item, bytes | None]]:
    with contextlib.ExitStack() as stack:
        file: IO[bytes] | None = None
        for item in items:
            try:
                file = file or stack.enter_context(tree.open())
                file.seek(item.offset)
                data = file.read(item.size)
            except OSError:
                data = b""
            yield item, data if len(data) == item.size else None


def _stream(tree: Tree, items: Sequence[Item]) -> Iterator[tuple[Item, bytes | None]]:
    wanted = {item.offset: item for item in items}
    try:
        with _open(tree) as archive:
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
