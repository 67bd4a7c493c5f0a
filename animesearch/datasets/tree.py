"""Files at one place, wherever it is: listed, opened and read in one way."""

from __future__ import annotations

import abc
import collections
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple, TypeVar

from typing_extensions import override

from animesearch.datasets.memory import Stamp, settled, stamp
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources.base import MAX_FILE_BYTES
from animesearch.errors import DataError
from animesearch.storage.places import is_uri, short_name

A = TypeVar("A")
B = TypeVar("B")
Kind = Literal["file", "folder", "other", "missing"]
"""``other``: a device, a socket or a pipe."""
DIGEST_BYTES: Final = 8 * 1024 * 1024
"""Read at once where a file is hashed."""


class Entry(NamedTuple):
    """One regular file: its raw path below the root (``/`` between parts), and its state.

    ``settled`` says whether an equal ``stamp`` later means an unchanged file.
    """

    path: bytes
    size: int
    stamp: Stamp
    settled: bool


@dataclass
class Found:
    """Regular files, and what was refused."""

    files: list[Entry] = field(default_factory=list)
    refused: list[Dropped] = field(default_factory=list)

    def refuse(self, path: bytes, reason: Reason, detail: str = "") -> None:
        """Adds a refusal."""
        self.refused.append(Dropped(readable(path), reason, detail))


def readable(path: bytes) -> str:
    """A path as valid Unicode; bytes that are not UTF-8 show as ``\\xNN``."""
    return path.decode("utf-8", "backslashreplace")


class Tree(abc.ABC):
    """A folder or a file, and what lies below it.  Faults of reading are ``OSError``."""

    place: str
    """The absolute path or the URI: what the memory knows it by."""
    readers: int
    """Files that are worth reading at once."""
    far: bool
    """Whether each request costs a way over the network."""

    @property
    def name(self) -> str:
        """The last part of the place, for messages."""
        return short_name(self.place)

    @abc.abstractmethod
    def kind(self) -> Kind:
        """What stands at the place.  :class:`DataError` if that cannot be found out."""

    @abc.abstractmethod
    def walk(self) -> Found:
        """Everything below the folder; links are never followed."""

    @abc.abstractmethod
    def entry(self) -> Entry:
        """The place itself, a file."""

    @abc.abstractmethod
    def open(self, path: bytes = b"") -> IO[bytes]:
        """A file below the folder, or the place itself: seekable, buffered."""

    def read(self, path: bytes) -> bytes:
        """All bytes of a file; ``OSError`` for more than an image may have."""
        with self.open(path) as file:
            size = file.seek(0, os.SEEK_END)
            if size > MAX_FILE_BYTES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            file.seek(0)
            return file.read()

    def digest(self, path: bytes) -> str:
        """SHA-256 (hex) of a file."""
        digest = hashlib.sha256()
        with self.open(path) as file:
            while part := file.read(DIGEST_BYTES):
                digest.update(part)
        return digest.hexdigest()

    def head(self, path: bytes = b"", size: int = 16) -> bytes:
        """The first bytes of a file; none where it cannot be read."""
        try:
            with self.open(path) as file:
                return file.read(size)
        except OSError:
            return b""


class LocalTree(Tree):
    """On a disk of this machine; the root itself may be reached by a link."""

    far = False

    def __init__(self, root: Path) -> None:
        self.place = str(root)
        self.readers = min(16, 2 * (os.cpu_count() or 1))
        self._root = root

    def _at(self, path: bytes) -> Path:
        return self._root / os.fsdecode(path) if path else self._root

    @override
    def kind(self) -> Kind:
        try:
            mode = self._root.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "missing"
        except OSError as fault:
            raise DataError(f"'{self.place}' cannot be looked at: {fault.strerror}") from fault
        if stat.S_ISDIR(mode):
            return "folder"
        return "file" if stat.S_ISREG(mode) else "other"

    @override
    def walk(self) -> Found:
        from animesearch.datasets.walk import walk

        return walk(self._root)

    @override
    def entry(self) -> Entry:
        status = self._root.stat()
        return Entry(b"", status.st_size, stamp(status), settled(status))

    @override
    def open(self, path: bytes = b"") -> IO[bytes]:
        return self._at(path).open("rb")

    @override
    def digest(self, path: bytes) -> str:
        with self._at(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def tree_at(place: str) -> Tree:
    """The files at an absolute path or a URI.  :class:`DataError` if it cannot be reached."""
    if not is_uri(place):
        return LocalTree(Path(place))
    from animesearch.datasets.remote import remote_tree

    return remote_tree(place)


def locate(place: str, what: str) -> tuple[str, Kind]:
    """The place made absolute, and what stands there; ``what`` is a word for messages.

    Raises :class:`DataError` if nothing is there or it cannot be looked at.
    """
    if is_uri(place):
        tree = tree_at(place)
        looked = ""
    else:
        tree = LocalTree(Path(place).expanduser().absolute())
        looked = f" (looked at {tree.place})"
    kind = tree.kind()
    if kind == "missing":
        raise DataError(f"{what} '{place}' does not exist{looked}")
    return tree.place, kind


def ahead(call: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """``map`` by threads, in order; at most twice ``workers`` results wait to be taken."""
    waiting: collections.deque[Future[B]] = collections.deque()
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
