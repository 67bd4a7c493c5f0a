"""A journal read as it grows: only what is new, and past what is broken.

``rank`` and ``resume`` refuse a journal with a hole, because decisions rest on it.  A page must
live: it shows what can be read, and names what cannot.
"""

from __future__ import annotations

import gc
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from animesearch.errors import RunFolderError
from animesearch.results.journal import LARGEST
from animesearch.results.records import EVENTS, Event, RungReported
from animesearch.results.state import RunState

MOST_WATCHED = 100
"""Broken segments that are looked at again for a repair."""
TUNE_SIGN = "training_iteration"
TUNE_KEYS = frozenset(
    {TUNE_SIGN, "timestamp", "done", "trial_id", "date", "time_this_iter_s", "time_total_s", "pid",
     "hostname", "node_ip", "time_since_restore", "iterations_since_restore"}
)  # fmt: skip
"""What Ray Tune adds to a report, with the whole configuration once more; not worth its memory."""

Stamp: TypeAlias = tuple[int, int, int] | None


@dataclass(frozen=True)
class Damage:
    """Something in a run that cannot be read, and why."""

    where: str
    problem: str


class JournalTail:
    """The state of a journal, brought up to date by :meth:`refresh`; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prefix = f"{folder}{os.sep}"
        self._reset()

    def _reset(self) -> None:
        self.state = RunState()
        self.damage: list[Damage] = []
        self.last = 0
        """Number of the last segment that was read or passed over."""
        self._broken: dict[int, Stamp] = {}
        self._listed: int | None = None

    def refresh(self) -> bool:
        """Take in what came since the last call; whether anything did.

        A broken segment that changed makes everything be read again: the order of events counts.
        """
        watched = list(self._broken.items())[:MOST_WATCHED]
        repaired = any(_stamp(self._path(number)) != stamp for number, stamp in watched)
        if repaired:
            self._reset()
        with _no_collection(self.last == 0):
            return self._advance() or repaired

    def _advance(self) -> bool:
        before = self.last
        listed = self._last_listed() if self.last == 0 else 0
        while True:
            if not self._take(self.last + 1, expected=self.last < listed):
                if self.last > before or not self._folder_changed():
                    break
                listed = self._last_listed()
                if listed <= self.last:
                    break
        return self.last > before

    def _path(self, number: int) -> str:
        return f"{self._prefix}{number:08d}.json"

    def _last_listed(self) -> int:
        self._listed = _changed_at(self.folder)
        try:
            with os.scandir(self.folder) as entries:
                numbers = (_number(entry.name) for entry in entries)
                return max(numbers, default=0)
        except OSError:
            return 0

    def _folder_changed(self) -> bool:
        """Whether a segment may stand behind a gap: looking by name has found no next one."""
        return _changed_at(self.folder) != self._listed

    def _take(self, number: int, expected: bool) -> bool:
        """Read the segment, or note that it is broken; False where there is none yet."""
        path = self._path(number)
        try:
            events = EVENTS.validate_json(_read(path))
        except FileNotFoundError:
            if not expected:
                return False
            events = self._note(number, path, "is missing")
        except (ValidationError, OSError, ValueError):
            events = self._note(number, path, "cannot be read as a segment of a journal")
        self.last = number
        for event in events:
            self._apply(number, event)
        return True

    def _note(self, number: int, path: str, problem: str) -> list[Event]:
        """Not the parser's own words: they quote the file, and it may be any file."""
        self._broken[number] = _stamp(path)
        self.damage.append(Damage(f"journal/{number:08d}.json", problem))
        return []

    def _apply(self, number: int, event: Event) -> None:
        try:
            self.state.apply(_lean(event))
        except RunFolderError as error:
            self.damage.append(Damage(f"journal/{number:08d}.json", str(error)))


@contextmanager
def _no_collection(much: bool) -> Iterator[None]:
    """Tens of thousands of new objects, none of them garbage, need no look by the collector."""
    if not (much and gc.isenabled()):
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _lean(event: Event) -> Event:
    if not isinstance(event, RungReported) or TUNE_SIGN not in event.metrics:
        return event
    own = {
        name: value
        for name, value in event.metrics.items()
        if name not in TUNE_KEYS and not name.startswith("config/")
    }
    return event.model_copy(update={"metrics": own})


def _read(path: str) -> bytes:
    """A regular file's content; never through a symlink, never waiting for a pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise OSError(f"{path} is no segment")
        return os.read(handle, found.st_size)
    finally:
        os.close(handle)


def _number(name: str) -> int:
    stem, dot, suffix = name.partition(".")
    return int(stem) if dot and suffix == "json" and stem.isascii() and stem.isdecimal() else 0


def _stamp(path: str) -> Stamp:
    try:
        found = Path(path).lstat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _changed_at(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None
