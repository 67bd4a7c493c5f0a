"""Files on S3, Google's and Azure's stores, HDFS: whatever Arrow's file systems open.

Credentials come from the environment, as each store's own tools read it.  Requests that fail in
passing are repeated with growing pauses, on top of what Arrow itself repeats.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from typing import IO, Final, TypeVar, cast

import pyarrow as pa
import pyarrow.fs as pafs
from typing_extensions import Buffer, override

from animesearch.datasets.memory import Stamp
from animesearch.datasets.reasons import Reason
from animesearch.datasets.tree import Entry, Found, Kind, Tree
from animesearch.datasets.walk import MAX_DEPTH
from animesearch.errors import DataError, StorageError
from animesearch.storage.faults import is_passing, told
from animesearch.storage.places import short_name
from animesearch.storage.systems import open_system

T = TypeVar("T")

BUFFER_BYTES: Final = 1024 * 1024
"""Read at least at once: a way over the network costs as much as that."""
SMALL_BYTES: Final = 2 * 1024 * 1024
"""Files of Google's stores of up to that are read by one request.  Of one that is open for ranges
Arrow opens the whole besides, at whatever is first asked of it, and no thread of Python goes on
meanwhile."""
READERS: Final = 16
PAUSES_S: Final = (0.5, 2.0, 6.0)
SETTLED_S: Final = 60.0
"""Stores tell times by the second, and their clock is not this machine's."""


def remote_tree(uri: str) -> RemoteTree:
    """The files at a URI that :func:`~animesearch.datasets.places.check_place` let pass.

    Raises :class:`DataError` for one that Arrow refuses.
    """
    try:
        system, path = open_system(uri)
    except (StorageError, OSError) as fault:
        raise DataError(f"'{short_name(uri)}' cannot be opened: {told(fault)}") from None
    return RemoteTree(system, path, uri)


class RemoteTree(Tree):
    """Below a path of one of Arrow's file systems."""

    far = True
    readers = READERS

    def __init__(
        self, system: pafs.FileSystem, path: str, uri: str, pauses_s: tuple[float, ...] = PAUSES_S
    ) -> None:
        self.place = uri
        self._system = system
        self._path = path.rstrip("/")
        self._pauses_s = pauses_s

    def patiently(self, call: Callable[[], T]) -> T:
        """What ``call`` returns, at the first time that it does not fail in passing.

        Whatever it fails with in the end is an ``OSError`` without secrets.
        """
        pauses = iter(self._pauses_s)
        while True:
            try:
                return call()
            except pa.ArrowException as fault:
                raise OSError(told(fault)) from None
            except OSError as fault:
                pause = next(pauses, None)
                if pause is None or not is_passing(fault):
                    raise type(fault)(told(fault)) from None
            time.sleep(pause * random.uniform(0.5, 1.0))

    def _info(self) -> pafs.FileInfo:
        try:
            return self.patiently(lambda: self._system.get_file_info(self._path))
        except OSError as fault:
            raise DataError(f"'{self.name}' cannot be looked at: {fault}") from None

    @override
    def kind(self) -> Kind:
        kinds: dict[pafs.FileType, Kind] = {
            pafs.FileType.File: "file",
            pafs.FileType.Directory: "folder",
            pafs.FileType.NotFound: "missing",
        }
        return kinds.get(self._info().type, "other")

    @override
    def walk(self) -> Found:
        selector = pafs.FileSelector(self._path, recursive=True)
        try:
            infos = self.patiently(lambda: self._system.get_file_info(selector))
        except OSError as fault:
            raise DataError(f"'{self.name}' cannot be listed: {fault}") from None
        found = Found()
        for info in infos:
            self._file_under(info, found)
        return found

    def _file_under(self, info: pafs.FileInfo, found: Found) -> None:
        below = info.path[len(self._path) :].lstrip("/")
        path = below.encode("utf-8", "surrogateescape")
        if info.type == pafs.FileType.Directory:
            return
        if info.type != pafs.FileType.File:
            found.refuse(path, Reason.NOT_A_FILE)
        elif below.count("/") > MAX_DEPTH:
            found.refuse(path, Reason.TOO_DEEP, f"more than {MAX_DEPTH} folders deep")
        else:
            found.files.append(_entry(path, info))

    @override
    def entry(self) -> Entry:
        return _entry(b"", self._info())

    @override
    def open(self, path: bytes = b"") -> IO[bytes]:
        below = path.decode("utf-8", "surrogateescape")
        full = f"{self._path}/{below}" if below else self._path
        if self._system.type_name == "gcs":
            start = self.patiently(lambda: self._start(full))
            if len(start) <= SMALL_BYTES:
                return io.BytesIO(start)
        file = self.patiently(lambda: self._system.open_input_file(full))
        return cast(IO[bytes], io.BufferedReader(_Ranges(self, file), BUFFER_BYTES))

    def _start(self, full: str) -> bytes:
        with self._system.open_input_stream(full) as stream:
            return bytes(stream.read(SMALL_BYTES + 1))


def _entry(path: bytes, info: pafs.FileInfo) -> Entry:
    changed = info.mtime_ns
    stamp: Stamp = [info.size or 0, changed or 0]
    settled = changed is not None and time.time() - changed / 1e9 > SETTLED_S
    return Entry(path, info.size or 0, stamp, settled)


def _asked(call: Callable[[], T]) -> T:
    """Of Google's stores Arrow calls a file closed that it could not reach."""
    try:
        return call()
    except pa.ArrowException:
        raise
    except ValueError as fault:
        raise OSError(f"the store does not answer: {fault}") from None


class _Ranges(io.RawIOBase):
    """A remote file as Python reads files; each request says its place, so it can be repeated."""

    def __init__(self, tree: RemoteTree, file: pa.NativeFile) -> None:
        super().__init__()
        self._tree = tree
        self._file = file
        self._size: int = tree.patiently(lambda: _asked(file.size))
        self._place = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._place

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    @override
    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._size - self._place))
        if wanted == 0:
            return 0
        data = self._tree.patiently(lambda: _asked(lambda: self._file.read_at(wanted, self._place)))
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    @override
    def readall(self) -> bytes:
        return self.read(self._size - self._place) or b""

    @override
    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
