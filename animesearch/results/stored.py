"""A run that lives at a URI: a copy here, and a store that holds the truth.

Whoever writes brings each segment of the journal to the store before its decision acts, and other
files when they are whole; the copy can be lost at any moment.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Self

from animesearch.errors import RunFolderError, StorageError
from animesearch.files import write_atomic
from animesearch.results.folder import RunFolder
from animesearch.results.journal import SUFFIX, segments
from animesearch.results.records import EVENTS, RunClosed
from animesearch.storage.cache import reading_folder, working_folder
from animesearch.storage.copies import claimed
from animesearch.storage.lock import FOLDER as LOCK
from animesearch.storage.lock import StoreLock, Times
from animesearch.storage.mirror import Sender, mirror, pull
from animesearch.storage.patience import Patience
from animesearch.storage.store import AlreadyThereError, Store
from animesearch.storage.tree import files_below

INFO: Final = "run.json"
JOURNAL: Final = "journal"
DESCRIPTION: Final = (INFO, "space.yaml", "overrides.json", "plugins")
"""What never changes once a run has begun, ``data`` apart."""
PACKED: Final = "packed"
"""Images for trials that stream, beside the run: no part of a copy of it."""
PROBE: Final = f"{LOCK}/probe"


def belongs(name: str) -> bool:
    """Whether an object below the URI is a file of the run itself."""
    return name.partition("/")[0] not in {LOCK, PACKED}


def is_checkpoint(name: str) -> bool:
    """Whether a file of the run is one: they are large, and few readers want them."""
    return name.startswith("trials/") and "/checkpoints/" in name


def is_small(name: str) -> bool:
    """Whether a file of the run is what readers look at: records, tables and pictures."""
    return belongs(name) and not is_checkpoint(name) and not name.startswith("tune/")


class StoredRun(RunFolder):
    """The run at the URI of ``store``, with a copy in ``path``."""

    def __init__(self, store: Store, path: Path, times: Times | None = None) -> None:
        super().__init__(path)
        self._store = store
        self._sender = Sender(store, path)
        # Not patient: a lock that cannot be had is told, and a beat is repeated anyway.
        self._lock = StoreLock(store.patient(Patience()), times or Times())

    @classmethod
    def driven(cls, uri: str, times: Times | None = None) -> Self:
        """For a driver, in this machine's working copy; nothing is fetched yet."""
        return cls(Store.open(uri), claimed(working_folder(uri)), times)

    @classmethod
    def to_read(cls, uri: str) -> Self:
        """For commands that read: description and journal as they stand now.

        Raises :class:`RunFolderError` where there is no run, :class:`StorageError` where the
        store cannot be reached.
        """
        run = cls(Store.open(uri), claimed(reading_folder(uri)))
        run.fetch_description()
        run.fetch(JOURNAL)
        return run

    @property
    def place(self) -> str:
        return self._store.uri

    @property
    def uri(self) -> str:
        return self._store.uri

    def tell(self, hear: Callable[[str], None]) -> None:
        """Who hears why taking the lock takes a moment."""
        self._lock.tell = hear

    def wait_patiently(self, patience: Patience) -> None:
        super().wait_patiently(patience)
        self._store = self._store.patient(patience)
        self._sender.store = self._store
        if patience.tell is not None:
            self._lock.tell = patience.tell

    # -- beginning and going on ----------------------------------------------------------------

    def refuse_unusable(self) -> None:
        """As for a folder: it must be empty, and an object can be written and deleted."""
        self._refuse_taken()
        self._store.write(PROBE, b"")
        self._store.delete(PROBE)

    def _refuse_taken(self) -> None:
        top = self._store.top()
        if INFO in top:
            raise RunFolderError(
                f"{self.place} exists and is not empty; choose another --out, or go on with that "
                f"run: animesearch resume {self.place}"
            )
        for name in top.keys() - {LOCK, PACKED}:
            if not top[name] or self._store.entries(name):  # a folder may be a name alone
                raise RunFolderError(f"{self.place} exists and is not empty; choose another --out")

    def make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self, new: bool = False) -> Iterator[None]:
        """Hold the run, here and in the store; the copy then is as the store.

        A ``new`` run has found its place empty before: it must still be so.
        """
        with super().lock(), self._lock.held():
            if new:
                self._refuse_taken()
                self._wipe()
            else:
                self.fetch(JOURNAL, "data")
            yield

    def fetch_description(self) -> None:
        """What says what the run is; a copy of another run that stood here before goes."""
        content = self._store.find(INFO)
        if content is None:
            raise RunFolderError(f"there is no run at {self.place}: it has no {INFO}")
        if self.info_file.is_file() and self.info_file.read_bytes() != content:
            self._wipe()
        self.fetch(*DESCRIPTION)

    def _wipe(self) -> None:
        """Empty the copy, but for the lock that is held."""
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != ".lock":
                path.unlink()

    # -- files ---------------------------------------------------------------------------------

    def segment_outlet(self) -> Callable[[str, bytes], None]:
        return self._create_segment

    def _create_segment(self, name: str, content: bytes) -> None:
        try:
            self._lock.confirm(self._store)
            self._store.create(f"{JOURNAL}/{name}", content)
        except AlreadyThereError as error:
            raise RunFolderError(f"{error}: another process writes this run") from None
        except StorageError as error:
            raise RunFolderError(f"cannot write the journal of {self.place}: {error}") from error

    def publish(self, *names: str) -> None:
        self._sender.push(*names, last=lambda name: name == INFO)

    def fetch(self, *names: str) -> None:
        for name in names:
            done = mirror(self._store, self.path, name)
            self._sender.know([*done.fetched, *done.unchanged])

    def fetch_pictures(self) -> None:
        pull(self._store, self.path, wanted=is_small)

    def fetch_next_segments(self) -> int:
        """The segments that follow those which are here: how many there were."""
        here = segments(self.journal)
        first = int(here[-1].stem) + 1 if here else 1
        for number in count(first):
            name = f"{number:08d}{SUFFIX}"
            content = self._store.find(f"{JOURNAL}/{name}")
            if content is None:
                return number - first
            write_atomic(self.journal / name, content)
        raise AssertionError("the numbers have no end")

    def is_complete(self) -> bool:
        """Whether the last segment here says that the search came to its end."""
        here = segments(self.journal)
        last = EVENTS.validate_json(here[-1].read_bytes()) if here else []
        return any(isinstance(event, RunClosed) and event.outcome == "complete" for event in last)

    def remove(self, name: str) -> None:
        super().remove(name)
        self._store.delete_all(name)

    def files(self, name: str) -> list[str]:
        return sorted({*files_below(self.path, name), *self._store.entries(name)})

    def sizes(self) -> dict[str, int]:
        return {name: entry.size for name, entry in self._store.entries().items()}

    def apart(self) -> RunFolder:
        return StoredRun(self._store.patient(Patience()), self.path)
