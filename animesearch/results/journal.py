"""The journal of a run: immutable, numbered segments in one folder.

An object store has no append, so each write is a new file; a segment is whole or absent.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from animesearch.errors import RunFolderError
from animesearch.files import read_bounded
from animesearch.results.records import EVENTS, Event
from animesearch.storage.patience import Patience

Outlet: TypeAlias = Callable[[str, bytes], None]
SUFFIX = ".json"
LARGEST = 64_000_000
"""Bytes of a segment, or of another record in JSON; real ones have a few thousand."""
NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def segments(folder: Path) -> list[Path]:
    """The segments in the order of their numbers; temporary files are not segments."""
    numbered = (path for path in folder.glob(f"*{SUFFIX}") if _is_number(path.stem))
    return sorted(numbered, key=lambda path: (int(path.stem), path.name))


def _is_number(stem: str) -> bool:
    return stem.isascii() and stem.isdecimal()


def _segment(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}{SUFFIX}"


def read_journal(folder: Path) -> list[Event]:
    """Every event, oldest first.

    Raises :class:`RunFolderError` for a gap in the numbers or a segment that does not parse:
    a journal with a hole must not be taken for the truth.
    """
    return [event for path in _numbered(folder) for event in _parse(path)]


def _numbered(folder: Path) -> Iterator[Path]:
    """Segments by name: a listing taken while the driver writes may hold one and miss the one
    before it, so that only the look by name tells a gap."""
    existing = segments(folder)
    last = int(existing[-1].stem) if existing else 0
    for number in range(1, last + 1):
        path = _segment(folder, number)
        if not path.is_file():
            raise RunFolderError(f"{folder}: segment {number} of the journal is missing")
        yield path


def _parse(path: Path) -> list[Event]:
    try:
        return EVENTS.validate_json(read_bounded(path, LARGEST, links=False))
    except (ValidationError, OSError) as error:
        raise RunFolderError(f"{path} is not a segment of a journal: {error}") from error


class Journal:
    """The one writer of a run's journal.

    A segment that exists is never replaced: a second writer of the same run fails at its first
    append instead of mixing two histories.  ``outlet`` brings a segment, by its name, to where the
    run lives, before it stands in ``folder``; one that is repeated with the same content must do no
    harm.  With ``patience`` a disk that is full is waited for, otherwise it is an error.
    """

    def __init__(
        self, folder: Path, outlet: Outlet | None = None, patience: Patience | None = None
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"cannot make the journal {folder}: {error}") from error
        self.folder = folder
        self._outlet, self._patience = outlet, patience
        existing = segments(folder)
        self._next = int(existing[-1].stem) + 1 if existing else 1
        self._cut: tuple[int, bytes] | None = None

    def append(self, *events: Event) -> None:
        """Write ``events`` as one segment: after a crash either all of them stand or none.

        Raises :class:`RunFolderError` where another process wrote in between, or where the disk
        takes no more.  What an interrupt cut short is brought to its end by the next append.
        """
        if not events:
            return
        if self._cut is not None:
            self._write(*self._cut, again=True)
        self._write(self._next, EVENTS.dump_json(list(events), indent=1))

    def _write(self, number: int, content: bytes, again: bool = False) -> None:
        self._cut = (number, content)
        try:
            if self._outlet is not None:
                self._outlet(_segment(self.folder, number).name, content)
            self._store(number, content, again)
        except OSError as error:
            self._cut = None
            raise RunFolderError(f"cannot write the journal {self.folder}: {error}") from error
        except Exception:
            self._cut = None
            raise
        self._cut = None

    def _store(self, number: int, content: bytes, again: bool) -> None:
        def store() -> None:
            if self._next == number:
                self._publish(number, content, again)
            _sync_folder(self.folder)

        if self._patience is None:
            store()
        else:
            self._patience(store, f"writing the journal {self.folder}")

    def _publish(self, number: int, content: bytes, again: bool) -> None:
        target = _segment(self.folder, number)
        temporary = self.folder / f".segment.{secrets.token_hex(8)}"
        try:
            _write_synced(temporary, content)
            _link(temporary, target)
        except FileExistsError:
            if not again or target.read_bytes() != content:
                problem = f"{target} exists: another process writes this run"
                raise RunFolderError(problem) from None
        finally:
            temporary.unlink(missing_ok=True)
        self._next = number + 1  # before the sync: an interrupt must not make us our own rival


def _write_synced(path: Path, content: bytes) -> None:
    """A new file with the permissions of the user's umask, on the disk when this returns."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link(temporary: Path, target: Path) -> None:
    """Give the file its final name; ``FileExistsError`` where the name is taken.

    On a file system without hard links the name is looked for first: there only the run's lock
    keeps a second writer out.
    """
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if target.exists():
            raise FileExistsError(str(target)) from None
        temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, so that it outlives a loss of power as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # network file systems that cannot sync a folder
            raise
    finally:
        os.close(handle)
