"""Runs at a URI for the dashboard: their small files are copied here again and again.

A store that is away changes nothing but :attr:`MirroredRuns.notice`: what was copied stays shown.
"""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from animesearch.errors import RunFolderError, StorageError
from animesearch.results.stored import INFO, JOURNAL, StoredRun
from animesearch.storage.cache import reading_folder
from animesearch.storage.copies import claimed
from animesearch.storage.patience import Patience
from animesearch.storage.places import below, is_safe
from animesearch.storage.store import Store

LOG = logging.getLogger(__name__)
PAUSE_S: Final = 3.0
"""Seconds between two looks for news of a run that moves."""
SLOW_S: Final = 10.0
"""Between two looks at one that has not moved for a while."""
SLOWEST_S: Final = 60.0
"""Between two looks at one that has ended, and at which runs there are."""
PICTURES_S: Final = 10.0
"""Seconds between two copies of a run's pictures and tables, at least."""


@dataclass
class Followed:
    """A run that is copied: when it is looked at next, and when its pictures were."""

    run: StoredRun
    pause: float = PAUSE_S
    due: float = -math.inf
    pictured: float = -math.inf


class MirroredRuns:
    """The run at ``uri``, or all of those right below it, in the folder :attr:`path`.

    :meth:`begin` copies what says which runs there are and raises where there are none;
    :meth:`follow` keeps on in a thread.  The tables and pictures of a run come a moment after its
    journal; checkpoints never.
    """

    def __init__(
        self, uri: str, pause_s: float = PAUSE_S, patience: Patience | None = None
    ) -> None:
        self._store = Store.open(uri, patience)
        self.path: Path = claimed(reading_folder(uri))
        self.notice = ""
        self._pause_s = pause_s
        self._runs: dict[str, Followed] = {}
        self._listed = -math.inf
        self._away_since = ""
        self._over = threading.Event()

    def begin(self) -> None:
        """The first copy of every run's description and journal.

        Raises :class:`RunFolderError` where there is no run, :class:`StorageError` for a store
        that cannot be reached.
        """
        self._list(time.monotonic())
        self._forget_others()
        if not self._runs:
            name = self._store.name
            raise RunFolderError(f"{name} is neither a run nor a place of runs: no {INFO}")
        for followed in self._runs.values():
            followed.run.fetch_description()
            followed.run.fetch(JOURNAL)

    def follow(self) -> None:
        """Copy until :meth:`stop`; returns at once."""
        threading.Thread(target=self._follow, daemon=True, name="mirror").start()

    def stop(self) -> None:
        """No more copies."""
        self._over.set()

    def _follow(self) -> None:
        while True:
            self.look()
            if self._over.wait(self._pause_s):
                return

    def look(self) -> None:
        """Copy the news of all runs that are due."""
        now = time.monotonic()
        try:
            if now - self._listed >= SLOWEST_S:
                self._list(now)
            for followed in self._runs.values():
                if now >= followed.due:
                    self._renew(followed, now)
        except StorageError as error:
            self._away_since = self._away_since or f"{datetime.now():%H:%M:%S}"
            self.notice = (
                f"The store cannot be reached since {self._away_since}; what is shown was there "
                f"before.  {error}"
            )
            LOG.info("%s", self.notice)
        else:
            self.notice = self._away_since = ""

    def _list(self, now: float) -> None:
        """Which runs there are; one that is gone is no longer copied."""
        top = self._store.top()
        names = [""] if INFO in top else [n for n, folder in top.items() if folder and is_safe(n)]
        found = {name: self._runs.get(name) or self._followed(name) for name in sorted(names)}
        self._runs = {name: one for name, one in found.items() if one is not None}
        self._listed = now

    def _forget_others(self) -> None:
        """Copies of runs that are not there any more."""
        if "" in self._runs or not self.path.is_dir():
            return
        for path in self.path.iterdir():
            if path.is_dir() and path.name not in self._runs:
                shutil.rmtree(path)

    def _followed(self, name: str) -> Followed | None:
        if not name:
            return Followed(StoredRun(self._store, self.path))
        store = Store.open(below(self._store.uri, name), self._store.patience)
        run = StoredRun(store, self.path / name)
        return Followed(run) if store.entry(INFO) is not None else None

    def _renew(self, followed: Followed, now: float) -> None:
        run = followed.run
        news = run.fetch_next_segments() > 0
        if news or now - followed.pictured >= SLOWEST_S:
            followed.pause = self._pause_s
        else:
            slowest = SLOWEST_S if run.is_complete() else SLOW_S
            followed.pause = min(2 * followed.pause, max(slowest, self._pause_s))
        if now - followed.pictured >= PICTURES_S:
            run.fetch_description()
            run.fetch_pictures()
            followed.pictured = now
        followed.due = now + followed.pause
