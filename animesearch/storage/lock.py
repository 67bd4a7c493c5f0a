"""One driver per run at a URI: an object that its owner keeps alive.

Each owner writes ``lock/<owner>.json`` and only then looks who else is there.  Stores show a
written object to every later listing, so that of two who come at once at least one sees the
other.  An owner counts as dead

- at once, where it was a process of this machine that is gone;
- when its object has not been written for ``expiry`` seconds by the clock of whoever watches it;
- when it is as old as that by the store's own clock, and stays as it is for two beats: that clock
  may have been set.

The clock of the owner's machine plays no part.  Whoever takes a dead owner's place names it, so
that one that was only asleep learns of it before it writes again.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from animesearch.errors import RunFolderError, StorageError
from animesearch.storage.faults import told
from animesearch.storage.store import Store

FOLDER: Final = "lock"
TRIES: Final = 6
"""Times that two who come at the same moment step back for each other."""


@dataclass(frozen=True)
class Times:
    """Seconds: an owner writes its object every ``beat``, and is dead after ``expiry`` of silence.

    ``sleep`` and ``clock`` (seconds that never go back and count a machine's sleep) are for tests.
    """

    beat: float = 10.0
    expiry: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Process:
    """A process of a machine: told from every other one, also after a restart of either."""

    host: str
    machine: str
    pid: int
    begun: str

    @classmethod
    def own(cls) -> Process:
        """This one."""
        return cls(socket.gethostname(), _machine(), os.getpid(), _begun(os.getpid()))

    def is_gone(self) -> bool:
        """Whether it ran on this machine and does not any more."""
        return bool(self.machine) and self.machine == _machine() and _begun(self.pid) != self.begun


def _nobody(_text: str) -> None:
    return


def _machine() -> str:
    """The running system and its space of process ids; empty where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _begun(pid: int) -> str:
    """When a process began, in ticks since the boot; empty for one that is not there."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *rest = status.rpartition(")")[2].split()
    return "" if state in {"Z", "X"} else rest[18]


@dataclass(frozen=True)
class Note:
    """The content of an owner's object."""

    owner: str
    process: Process
    beat: int
    held: bool
    after: tuple[str, ...] = ()

    def as_bytes(self) -> bytes:
        """As JSON."""
        plain = {**vars(self), "process": vars(self.process)}
        return json.dumps(plain, sort_keys=True).encode()

    @classmethod
    def parse(cls, content: bytes) -> Note | None:
        """None for what is no such note."""
        try:
            plain: dict[str, Any] = json.loads(content)
            plain["process"] = Process(**plain["process"])
            return cls(**{**plain, "after": tuple(plain["after"])})
        except (ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True)
class Seen:
    """A beat, and when it was first seen by the own clock."""

    beat: int
    at: float


@dataclass
class StoreLock:
    """The lock of the run in ``store``; :meth:`held` holds it.

    ``tell`` hears why it takes a moment.
    """

    store: Store
    times: Times = field(default_factory=Times)
    tell: Callable[[str], None] = _nobody
    process: Process = field(default_factory=Process.own)

    def __post_init__(self) -> None:
        self._guard = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        """As a new owner."""
        self.owner = secrets.token_hex(8)
        self._beat = 0
        self._after: tuple[str, ...] = ()
        self._sure = 0.0
        self._over = threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; :class:`RunFolderError` where another driver does."""
        self._begin()
        self._acquire()
        heart = threading.Thread(target=self._live, args=(self._over,), daemon=True, name="lock")
        heart.start()
        try:
            yield
        finally:
            self._over.set()
            self._release()

    def confirm(self, store: Store) -> None:
        """Raise :class:`RunFolderError` where another driver has taken this one for dead.

        Asks only where the last beat is long ago: ``store``, which may be a more patient one.
        """
        if self.times.clock() - self._sure > self.times.expiry / 3:
            self._write(held=True, store=store)

    # -- taking it -----------------------------------------------------------------------------

    def _acquire(self) -> None:
        for _ in range(TRIES):
            self._write(held=False)
            try:
                rival = self._rival()
            except BaseException:
                self._release()
                raise
            if rival is None:
                self._write(held=True)
                return
            self._release()
            if rival.held:
                raise RunFolderError(self._taken(rival))
            self.times.sleep(random.uniform(0.1, 1.0) * self.times.beat / 4)
        raise RunFolderError(
            f"{self.store.name} is wanted by several animesearch processes at once"
        )

    def _taken(self, rival: Note) -> str:
        where = f"process {rival.process.pid} on {rival.process.host}"
        return (
            f"{self.store.name} is in use: another animesearch process ({where}) runs this search"
        )

    def _rival(self) -> Note | None:
        """Another owner that lives; those that are dead are removed.

        Of one whose last beat may be its last it waits for the next, or for its expiry.
        """
        watched: dict[str, Seen] = {}
        while True:
            others = self._others(self.store)
            ages = self._ages()
            unsure = []
            for name, note in others.items():
                if self._is_dead(note, ages.get(name, 0.0), watched.get(note.owner)):
                    self._bury(name, note)
                elif self._lives(note, watched):
                    return note
                else:
                    unsure.append(note)
            if not unsure:
                return None
            self._say_waiting(unsure[0], watched)
            now = self.times.clock()
            watched |= {n.owner: Seen(n.beat, now) for n in unsure if n.owner not in watched}
            self.times.sleep(self.times.beat / 2)
            self._write(held=False)

    def _lives(self, note: Note, watched: Mapping[str, Seen]) -> bool:
        """Seen at work: a process of this machine that is there, or a beat since the first look."""
        here = bool(note.process.machine) and note.process.machine == self.process.machine
        return here or (note.owner in watched and watched[note.owner].beat != note.beat)

    def _say_waiting(self, note: Note, watched: Mapping[str, Seen]) -> None:
        if not watched:
            self.tell(
                f"{self.store.name} was in use by process {note.process.pid} on "
                f"{note.process.host}: looking whether it lives (up to {self.times.expiry:g} s)"
            )

    def _is_dead(self, note: Note, age: float, seen: Seen | None) -> bool:
        silent = 0.0
        if seen is not None and seen.beat == note.beat:
            silent = self.times.clock() - seen.at
        old = age > self.times.expiry and silent >= 2 * self.times.beat
        return note.process.is_gone() or silent > self.times.expiry or old

    def _bury(self, name: str, note: Note) -> None:
        self._after = (*self._after, note.owner)
        self.store.delete(name)

    def _others(self, store: Store) -> dict[str, Note]:
        """Notes of other owners by the names of their objects; broken ones are nobody's."""
        found = {}
        for name in store.entries(FOLDER):
            content = None if name == self._name else store.find(name)
            note = None if content is None else Note.parse(content)
            if note is not None:
                found[name] = note
        return found

    def _ages(self) -> dict[str, float]:
        """Seconds since each object was written, by the store's clock: own was written just now."""
        listed = self.store.entries(FOLDER)
        own = listed.get(self._name)
        if own is None:
            return {}
        return {name: (own.changed_ns - e.changed_ns) / 1e9 for name, e in listed.items()}

    # -- keeping it ----------------------------------------------------------------------------

    def _live(self, over: threading.Event) -> None:
        away = False
        while not over.wait(self.times.beat):
            try:
                self._write(held=True)
            except StorageError as fault:
                if not away:
                    self.tell(f"the store does not answer: what needs it waits ({fault})")
                away = True
            except RunFolderError:
                return  # taken over: the next confirm says so
            else:
                if away:
                    self.tell("the store answers again")
                away = False

    def _write(self, held: bool, store: Store | None = None) -> None:
        """Write the own object anew, unless another owner has taken this one for dead."""
        with self._guard:
            if self._over.is_set():
                return
            asked = self.times.clock()
            store = store or self.store
            if held and self._buried(store):
                raise RunFolderError(
                    f"{self.store.name} was taken over by another animesearch process while this "
                    "one was away: the search goes on there"
                )
            self._beat += 1
            note = Note(self.owner, self.process, self._beat, held, self._after)
            store.write(self._name, note.as_bytes())
            self._sure = asked

    def _buried(self, store: Store) -> bool:
        return any(self.owner in note.after for note in self._others(store).values())

    def _release(self) -> None:
        try:
            with self._guard:
                self.store.delete(self._name)
        except StorageError as fault:  # it will expire
            self.tell(f"the lock of {self.store.name} stays until it expires: {told(fault)}")

    @property
    def _name(self) -> str:
        return f"{FOLDER}/{self.owner}.json"
