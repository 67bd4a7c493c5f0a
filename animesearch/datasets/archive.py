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
from animesearch.datasets.tarformat import (
    FOLDER,
    LINKS,
    NOWHERE,
    REGULAR,
    Forward,
    Member,
    members,
)
from animesearch.datasets.tree import Tree
from animesearch.errors import DataError

HEAD_BYTES: Final = 16
"""Enough of a member to tell an image from anything else."""
HASH_BYTES: Final = 1024 * 1024
PROGRESS_STEP: Final = 512


def _zstd(file: IO[bytes]) -> object:
    return pa.input_stream(file, compression="zstd")


OPENERS: Final[dict[bytes, Callable[[IO[bytes]], object]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
FAULTS: Final = (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
"""What a broken archive raises while it is read (``ValueError``: malformed headers)."""


class _Stream:
    """A decompressed stream that is read forward, never more than ``limit`` bytes of it."""

    def __init__(self, stream: IO[bytes], limit: int, name: str) -> None:
        self._stream = stream
        self._limit = limit
        self._name = name
        self._place = 0

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size and (part := self._stream.read(min(size, HASH_BYTES))):
            parts.append(part)
            size -= len(part)
            self._place += len(part)
            self._check()
        return b"".join(parts)

    def _check(self) -> None:
        if self._place > self._limit:
            raise ArchiveBombError(
                f"'{self._name}' unpacks to more than {self._limit:,} bytes "
                f"({MAX_RATIO} times its size): refused as a decompression bomb"
            )

    def seek(self, place: int) -> int:
        """Forward alone; ``EOFError`` where it ends before the place."""
        while self._place < place:
            if not self.read(min(place - self._place, HASH_BYTES)):
                raise EOFError("unexpected end of data")
        if self._place > place:
            raise ValueError(f"byte {place:,} was passed over")
        return place

    def close(self) -> None:
        self._stream.close()


def compression(head: bytes) -> Callable[[IO[bytes]], object] | None:
    """What decompresses an archive that begins so, or ``None`` for a plain one."""
    return next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), None)


@contextlib.contextmanager
def _open(tree: Tree) -> Iterator[Forward]:
    with tree.open() as file:
        opener = compression(file.read(8))
        file.seek(0)
        if opener is None:
            yield file
            return
        stream = _Stream(cast(IO[bytes], opener(file)), bomb_limit(tree.entry().size), tree.name)
        with contextlib.closing(stream):
            yield stream


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
        self._last = ""

    def contents(self) -> Contents:
        end = NOWHERE if self._found.sequential else self._size
        try:
            with _open(self._tree) as file:
                for member in members(file, end):
                    self._member(file, member)
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
        self._refuse(
            self._tree.name, Reason.ARCHIVE_BROKEN, f"{fault} (in or after {self._last[:100]!r})"
        )

    def _member(self, file: Forward, member: Member) -> None:
        self._last = name = clean_name(member.name)
        self._done += 1
        if self._done % PROGRESS_STEP == 0:
            self._progress("hash", min(member.offset, self._size), self._size)
        if member.kind == FOLDER:
            return
        refusal = _refusal(member)
        if refusal is not None:
            self._refuse(name, refusal, f"{member.size:,} bytes")
            return
        file.seek(member.offset)
        digest, head = _hash(file, member.size)
        if name in self._items:
            self._refuse(name, Reason.REPEATED_NAME)
            self._found.images.discard(name)
        if looks_like_image(head):
            self._found.images.add(name)
        self._items[name] = Item(name, digest, member.size, offset=member.offset)


def _refusal(member: Member) -> Reason | None:
    if member.kind in LINKS:
        return Reason.LINK
    if member.sparse:
        return Reason.SPARSE
    if member.kind not in REGULAR:
        return Reason.NOT_A_FILE
    if is_unsafe(member.name):
        return Reason.UNSAFE_PATH
    return Reason.TOO_MANY_BYTES if member.size > MAX_FILE_BYTES else None


def _hash(file: Forward, size: int) -> tuple[str, bytes]:
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
    return _read(tree, sorted(items, key=lambda item: item.offset))


def _read(tree: Tree, items: Iterable[Item]) -> Iterator[tuple[Item, bytes | None]]:
    with contextlib.ExitStack() as stack:
        file: Forward | None = None
        for item in items:
            try:
                file = file or stack.enter_context(_open(tree))
                file.seek(item.offset)
                data = file.read(item.size)
            except FAULTS:
                data = b""
            yield item, data if len(data) == item.size else None
