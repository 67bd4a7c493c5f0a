"""The files of a trial whose run lives at a URI: fetched when it starts, sent at each rung.

Runs in the trial's own process, on whichever node that is.
"""

from __future__ import annotations

import logging
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from animesearch.errors import RunFolderError
from animesearch.storage.cache import working_folder
from animesearch.storage.copies import claimed
from animesearch.storage.patience import Patience
from animesearch.storage.tree import files_below

if TYPE_CHECKING:
    from animesearch.results.folder import RunFolder
    from animesearch.storage.mirror import Sender
    from animesearch.storage.store import Store

LOG = logging.getLogger(__name__)
WAITING: Final = "waiting"
"""Where a report tells the person who watches that the trial waits for a disk or a store (empty: it
still does), or that it found a damaged checkpoint."""
_fetching = threading.Lock()
_served: set[Path] = set()


def run_root(folder: str, uri: str) -> Path:
    """The run's folder on this machine: the one that all nodes see, or a copy of what is at
    ``uri``."""
    return claimed(working_folder(uri)) if uri else Path(folder)


def reporting(tell: Callable[[Mapping[str, Any]], None]) -> Patience:
    """Waits without end and says so in reports, which also end the waiting of a stopped trial."""
    return Patience(
        tell=lambda text: tell({WAITING: text}),
        every=lambda: tell({WAITING: ""}),
    )


class Held(NamedTuple):
    """A file of a run, named so that every node can read it: by ``path`` where all see it, else by
    its ``name`` in the run at ``uri``."""

    path: str
    uri: str = ""
    name: str = ""

    def here(self) -> Path:
        """The file on this machine, fetched where it is not there or not the store's."""
        if not self.uri:
            return Path(self.path)
        from animesearch.storage.mirror import pull
        from animesearch.storage.store import Store

        root = claimed(working_folder(self.uri))
        with _fetching:
            pull(Store.open(self.uri, Patience(tell=LOG.warning)), root, self.name)
        return root / self.name


def held_at(folder: RunFolder, path: Path) -> Held:
    """A file of the run, for tasks on other nodes."""
    name = path.relative_to(folder.path).as_posix()
    return Held(str(path.resolve()), folder.uri, name)


@dataclass(frozen=True)
class TrialFiles:
    """The files of ``trial_id``; nothing is carried where the run lives in a folder, without
    ``uri``."""

    root: Path
    uri: str
    trial_id: str
    patience: Patience

    @property
    def place(self) -> str:
        """The trial's folder, within the run."""
        return f"trials/{self.trial_id}"

    @cached_property
    def _store(self) -> Store:
        from animesearch.storage.store import Store

        return Store.open(self.uri, self.patience)

    @cached_property
    def _sender(self) -> Sender:
        from animesearch.storage.mirror import Sender

        return Sender(self._store, self.root)

    def fetch(self) -> None:
        """Make this machine's copy that of the store: the trial goes on from what it sent last.

        Grids stay where they are, unless they are of another run: nobody reads them here.
        """
        if not self.uri:
            self._refuse_unseen()
            return
        from animesearch.storage.mirror import pull_listed

        listed = self._store.entries(self.place)
        with _fetching:
            self._leave_others()
            for name in set(files_below(self.root, self.place)) - listed.keys():
                (self.root / name).unlink(missing_ok=True)
            grids = f"{self.place}/grids/"
            needed = {name: e for name, e in listed.items() if not name.startswith(grids)}
            done = pull_listed(self._store, self.root, needed)
        self._sender.know([*done.fetched, *done.unchanged])

    def _refuse_unseen(self) -> None:
        """A node that joined late may not see the run: what is written there would be lost."""
        if not (self.root / "run.json").is_file():
            raise RunFolderError(
                f"{socket.gethostname()} does not see the run folder {self.root}: it must be "
                "mounted on all nodes, or the run must live at a URI (--out s3://bucket/runs/x)"
            )

    def _leave_others(self) -> None:
        """Checkpoints of trials that this process served before are in the store: here they would
        fill the disk."""
        for folder in _served - {self.root / self.place}:
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        _served.clear()
        _served.add(self.root / self.place)

    def push(self) -> None:
        """Send what is new, checkpoints last: the tables that they count on are there by then."""
        if self.uri:
            self._sender.push(self.place, last=lambda name: "/checkpoints/" in name)
