"""Whole objects below one URI: read, written, listed and deleted, with patience."""

from __future__ import annotations

import math
import mmap
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs

from animesearch.errors import StorageError
from animesearch.storage.apart import Apart
from animesearch.storage.faults import is_passing, told
from animesearch.storage.patience import LONG_S, Patience
from animesearch.storage.places import shown
from animesearch.storage.systems import WHOLE, open_system

T = TypeVar("T")
MAPPED: Final = 64 * 1024 * 1024
"""Larger files are mapped to be uploaded; smaller ones are read, since they may be growing."""
PIECE: Final = 8 * 1024 * 1024
HUNG_S: Final = 30.0
"""Seconds after a request that timed out in which whoever has no patience does not ask again: at
the end of a search several would, one after the other; longer than the pauses of a lock's beat."""


class Entry(NamedTuple):
    """An object: bytes, and when it was written by the store's clock (ns since the epoch; 0
    where the store does not tell)."""

    size: int
    changed_ns: int


@dataclass
class _Health:
    """When a request timed out last (s, by a clock that never goes back)."""

    timed_out: float = -math.inf

    def check(self) -> None:
        """``OSError`` where the store hung a moment ago."""
        if time.monotonic() - self.timed_out < HUNG_S:
            raise OSError("the store did not answer a moment ago")

    def watched(self, call: Callable[[], T]) -> T:
        """What ``call`` returns; whether it timed out is noted."""
        began = time.monotonic()
        try:
            found = call()
        except OSError as fault:
            if is_passing(fault) and time.monotonic() - began > LONG_S:
                self.timed_out = time.monotonic()
            raise
        self.timed_out = -math.inf
        return found


class AlreadyThereError(StorageError):
    """An object of that name exists, with another content."""


class Store:
    """Objects by their names below ``uri``; parts of a name are joined by ``/``.

    A name holds the old object or the new one, never a half.  Every method tries again what fails
    in passing, as its :class:`Patience` has it, and raises :class:`StorageError` at the end;
    ``FileNotFoundError`` where an object is missing.  Safe between threads.
    """

    def __init__(
        self, system: pafs.FileSystem, root: str, uri: str, patience: Patience | None = None
    ) -> None:
        self.uri = uri
        self.patience = patience or Patience()
        self._system, self._root = system, root.rstrip("/")
        self._whole = system.type_name in WHOLE
        self._apart = Apart()
        self._health = _Health()

    @classmethod
    def open(cls, uri: str, patience: Patience | None = None, attempts: int = 2) -> Store:
        """The store at a URI; nothing is asked of it yet, but for S3's region where none is set.

        ``attempts`` are Arrow's own at one request, each part of a large object apart.
        """
        patience = patience or Patience()
        try:
            system, root = patience(lambda: open_system(uri, attempts), f"opening {shown(uri)}")
        except OSError as fault:
            raise StorageError(f"{shown(uri)} cannot be opened: {told(fault)}") from None
        return cls(system, root, uri, patience)

    def patient(self, patience: Patience) -> Store:
        """The same store, tried again in another way."""
        same = Store(self._system, self._root, self.uri, patience)
        same._health = self._health
        return same

    @property
    def name(self) -> str:
        """For messages."""
        return shown(self.uri)

    # -- objects -------------------------------------------------------------------------------

    def read(self, name: str) -> bytes:
        """The whole object."""
        return self._try(lambda: self._read(name), f"reading {name} of {self.name}")

    def find(self, name: str) -> bytes | None:
        """The whole object, None where there is none."""
        try:
            return self.read(name)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write or replace an object."""
        self._try(lambda: self._write(name, content), f"writing {name} to {self.name}")

    def create(self, name: str, content: bytes) -> None:
        """Write an object that must not exist; one with this very content is our own.

        :class:`AlreadyThereError` for another.  Arrow knows no conditional write, so the name is
        looked for first: two that do so at one moment must be kept apart by a lock.
        """

        def create() -> None:
            found = self._found(name)
            if found is None:
                self._write(name, content)
            elif found != content:
                raise AlreadyThereError(f"{name} exists in {self.name}")

        self._try(create, f"writing {name} to {self.name}")

    def upload(self, path: Path, name: str) -> None:
        """Write or replace an object by a local file."""

        def upload() -> None:
            if path.stat().st_size <= MAPPED:
                self._write(name, path.read_bytes())
                return
            with path.open("rb") as file, _mapped(file.fileno()) as content:
                self._write(name, content)

        self._try(upload, f"uploading {name} to {self.name}")

    def download(self, name: str, path: Path, changed_ns: int = 0) -> None:
        """Fetch an object into a local file, which is there whole or not at all.

        With ``changed_ns`` the file gets that time, by which it is known again later.
        """

        def download() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            try:
                self._copy(name, temporary)
                if changed_ns:
                    os.utime(temporary, ns=(changed_ns, changed_ns))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

        self._try(download, f"downloading {name} of {self.name}")

    def entries(self, prefix: str = "") -> dict[str, Entry]:
        """The objects below ``prefix`` (a folder's name) by their names; none where it is empty."""
        selector = pafs.FileSelector(self._at(prefix), recursive=True, allow_not_found=True)
        infos = self._try(
            lambda: self._system.get_file_info(selector), f"listing {prefix or 'all'} {self.name}"
        )
        return {
            info.path[len(self._root) :].lstrip("/"): Entry(info.size or 0, info.mtime_ns or 0)
            for info in infos
            if info.type == pafs.FileType.File
        }

    def top(self) -> dict[str, bool]:
        """Names right below, and whether each is a folder.

        Of Google's stores Arrow lists a folder only where an object says that it is one, so that
        there all names below are listed.
        """
        deep = self._system.type_name == "gcs"
        selector = pafs.FileSelector(self._root, recursive=deep, allow_not_found=True)
        infos = self._try(lambda: self._system.get_file_info(selector), f"looking into {self.name}")
        found: dict[str, bool] = {}
        for info in infos:
            name, inner, _ = info.path[len(self._root) :].lstrip("/").partition("/")
            if name:
                folder = bool(inner) or info.type == pafs.FileType.Directory
                found[name] = folder or found.get(name, False)
        return found

    def entry(self, name: str) -> Entry | None:
        """Size and time of an object, None where there is none."""
        info = self._try(
            lambda: self._system.get_file_info(self._at(name)), f"looking at {name} of {self.name}"
        )
        if info.type != pafs.FileType.File:
            return None
        return Entry(info.size or 0, info.mtime_ns or 0)

    def delete(self, name: str) -> None:
        """Delete an object; nothing happens where there is none."""

        def delete() -> None:
            try:
                self._system.delete_file(self._at(name))
            except FileNotFoundError:
                return

        self._try(delete, f"deleting {name} of {self.name}")

    def delete_all(self, prefix: str) -> None:
        """Delete all objects below a folder's name."""
        for name in self.entries(prefix):
            self.delete(name)

    # -- one attempt ---------------------------------------------------------------------------

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _read(self, name: str) -> bytes:
        with self._system.open_input_stream(self._at(name)) as stream:
            return bytes(stream.read())

    def _found(self, name: str) -> bytes | None:
        try:
            return self._read(name)
        except FileNotFoundError:
            return None

    def _write(self, name: str, content: bytes | mmap.mmap) -> None:
        """By one call, then closed: a stream that is closed half-way would publish the half."""
        path = self._at(name)
        if self._whole:
            self._put(path, content)
            return
        self._system.create_dir(str(PurePosixPath(path).parent), recursive=True)
        temporary = f"{path}.{secrets.token_hex(8)}.tmp"
        try:
            self._put(temporary, content)
            self._system.move(temporary, path)
        except BaseException:
            if self._system.get_file_info(temporary).type == pafs.FileType.File:
                self._system.delete_file(temporary)
            raise

    def _put(self, path: str, content: bytes | mmap.mmap) -> None:
        try:
            stream = self._system.open_output_stream(path)
            stream.write(pa.py_buffer(content))
            stream.close()
        except FileNotFoundError as fault:  # Google's: of what is written nothing can be missing
            raise OSError(_without_place(path, fault)) from None

    def _copy(self, name: str, path: Path) -> None:
        with self._system.open_input_stream(self._at(name)) as stream, path.open("xb") as file:
            while piece := stream.read(PIECE):
                file.write(piece)

    def _try(self, call: Callable[[], T], doing: str) -> T:
        """Arrow's own exceptions as ``OSError``, and what is left at the end without secrets."""

        def attempt() -> T:
            try:
                return call()
            except pa.ArrowException as fault:
                raise OSError(str(fault)) from None

        try:
            if self.patience.tell is None:
                self._health.check()
            return self.patience(lambda: self._health.watched(lambda: self._apart(attempt)), doing)
        except FileNotFoundError:
            raise
        except OSError as fault:
            raise StorageError(f"{doing} failed: {told(fault)}") from None


def _without_place(path: str, fault: FileNotFoundError) -> str:
    """No bucket lasts; an upload that the store has forgotten half-way is begun anew."""
    if "UploadChunk" in str(fault) or "QueryResumableUpload" in str(fault):
        return f"the upload of {path} is no longer known"
    return f"NOT_FOUND: no bucket '{path.partition('/')[0]}', or none that may be written ({fault})"


def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
