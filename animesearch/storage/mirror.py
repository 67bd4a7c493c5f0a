"""A folder here and a store elsewhere: only what has changed is carried, in either direction.

A file that was fetched has the store's time, so that size and time tell an unchanged one, as
with rsync; what this process has sent is remembered by its size and time here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from animesearch.errors import StorageError
from animesearch.storage.places import is_safe
from animesearch.storage.store import Entry, Store
from animesearch.storage.tree import files_below

AT_ONCE: Final = 8
"""Objects that are fetched or sent at a time."""
Wanted: TypeAlias = Callable[[str], bool]
Tell: TypeAlias = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


@dataclass
class Pulled:
    """Names that were fetched, that were here already, and that lead out of the folder."""

    fetched: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    bytes: int = 0


def everything(_name: str) -> bool:
    """Wants all names."""
    return True


def pull(
    store: Store,
    folder: Path,
    place: str = "",
    wanted: Wanted = everything,
    tell: Tell | None = None,
) -> Pulled:
    """Fetch the object ``place``, or those below it, that ``wanted`` names into ``folder``.

    Each file is there whole or not at all, and they come in the order of their names: what an
    interrupt leaves is a journal without a gap.  Names that lead out of the folder, by their
    parts or by a link that stands in it, are refused and listed.
    """
    return pull_listed(store, folder, _listed(store, place, wanted), tell)


def _listed(store: Store, place: str, wanted: Wanted) -> dict[str, Entry]:
    alone = store.entry(place) if place else None
    found = store.entries(place) if alone is None else {place: alone}
    return {name: entry for name, entry in found.items() if wanted(name)}


def pull_listed(
    store: Store, folder: Path, listed: Mapping[str, Entry], tell: Tell | None = None
) -> Pulled:
    """As :func:`pull`, for objects that are known."""
    folder.mkdir(parents=True, exist_ok=True)
    done = Pulled()
    root = folder.resolve()
    changed: dict[str, Entry] = {}
    for name, entry in sorted(listed.items()):
        if not _stays_within(root, name):
            done.refused.append(name)
        elif is_current(folder / name, entry):
            done.unchanged.append(name)
        else:
            changed[name] = entry
    total = sum(entry.size for entry in changed.values())
    for name in _carried(lambda n: _fetch(store, folder, n, changed[n]), changed):
        done.fetched.append(name)
        done.bytes += changed[name].size
        if tell is not None:
            tell(done.bytes, total)
    return done


def _fetch(store: Store, folder: Path, name: str, entry: Entry) -> None:
    store.download(name, folder / name, entry.changed_ns)


def _stays_within(root: Path, name: str) -> bool:
    if not is_safe(name):
        return False
    wanted = root / name
    return wanted.parent.resolve() == wanted.parent and not wanted.is_symlink()


def is_current(path: Path, entry: Entry) -> bool:
    """Whether a file is what was fetched of an object that has not changed since."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_size == entry.size and found.st_mtime_ns == entry.changed_ns


def mirror(store: Store, folder: Path, place: str, wanted: Wanted = everything) -> Pulled:
    """As :func:`pull`, and delete the local files at or below ``place`` that the store has not.

    :class:`StorageError` for a name that leads out of the folder.
    """
    listed = _listed(store, place, wanted)
    done = pull_listed(store, folder, listed)
    if done.refused:
        raise StorageError(f"{store.name} holds a name that is none of ours: {done.refused[0]!r}")
    for name in set(files_below(folder, place)) - listed.keys():
        if wanted(name):
            (folder / name).unlink(missing_ok=True)
    return done


class Sender:
    """Sends what has changed in a folder; for one thread."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self._folder = store, folder
        self._sent: dict[str, tuple[int, int]] = {}

    def push(self, *places: str, last: Wanted | None = None) -> list[str]:
        """Send the new and changed files of these files and folders; their names.

        Those that ``last`` names go after all others.  What was sent or :meth:`know`\\ n before
        and is gone here is deleted there, when everything else is done.
        """
        found = {name: place for place in places for name in files_below(self._folder, place)}
        stamps = {name: stamp for name in found if (stamp := self._stamp(name)) is not None}
        changed = [name for name, stamp in sorted(stamps.items()) if self._sent.get(name) != stamp]
        late = [name for name in changed if last is not None and last(name)]
        for names in ([name for name in changed if name not in late], late):
            for name in _carried(lambda n: self.store.upload(self._folder / n, n), names):
                self._sent[name] = stamps[name]
        self._delete(places, stamps)
        return changed

    def know(self, names: Iterable[str]) -> None:
        """These are in the store already, as they are here."""
        for name in names:
            stamp = self._stamp(name)
            if stamp is not None:
                self._sent[name] = stamp

    def _delete(self, places: Iterable[str], stamps: Mapping[str, tuple[int, int]]) -> None:
        within = tuple(f"{place}/" for place in places)
        for name in [n for n in self._sent if n.startswith(within) and n not in stamps]:
            self.store.delete(name)
            del self._sent[name]

    def _stamp(self, name: str) -> tuple[int, int] | None:
        try:
            found = (self._folder / name).stat()
        except OSError:
            return None
        return (found.st_size, found.st_mtime_ns)


def _carried(carry: Callable[[str], None], names: Iterable[str]) -> Iterator[str]:
    """``carry`` every name, several at a time; yields them in order as they are done."""
    todo = list(names)
    if len(todo) == 1:  # in this thread: no pool for one file
        carry(todo[0])
        yield todo[0]
        return
    pool = ThreadPoolExecutor(max_workers=AT_ONCE)
    try:
        waiting: list[tuple[str, Future[None]]] = [(n, pool.submit(carry, n)) for n in todo]
        for name, future in waiting:
            future.result()
            yield name
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
