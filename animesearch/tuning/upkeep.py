"""While a search runs: checkpoints that nobody needs any more go, and disk use keeps its cap."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.state import TrialRecord

LOG = logging.getLogger(__name__)
GB: Final = 1e9
LOOK_S: Final = 30.0
"""Seconds between two looks at how much a run takes."""
END_S: Final = 30.0
"""Seconds that the end of a search waits for a deletion that a store keeps hanging."""


class Upkeep(Protocol):
    """What a round tells, and waits for."""

    def ended(self, record: TrialRecord) -> None:
        """A trial has ended; must not take long."""

    def wait_for_room(self) -> None:
        """Return once the run takes no more than it may; an interrupt ends the waiting."""


class Idle:
    """Does nothing."""

    def ended(self, record: TrialRecord) -> None:
        """Nobody needs to know."""

    def wait_for_room(self) -> None:
        """There is always room."""


IDLE: Final = Idle()


@dataclass(frozen=True, order=True)
class Standing:
    """A trial of the race that has ended with a score, lower ones first."""

    score: float
    number: int
    trial_id: str


class Best:
    """The ``top`` best trials that have ended: what the finish will score again.

    Others can only be pushed out of it, never come back, so that their checkpoints may go.
    """

    def __init__(self, top: int) -> None:
        self._top = top
        self._standing: list[Standing] = []

    def add(self, standing: Standing) -> Standing | None:
        """Take one in; the one that is out for good by it, which may be itself."""
        insort(self._standing, standing)
        return self._standing.pop() if len(self._standing) > self._top else None


def standing_of(record: TrialRecord) -> Standing | None:
    """None for a trial that no finish will look at."""
    if record.best is None or record.state not in ("completed", "pruned"):
        return None
    return Standing(record.best.score, record.created.number, record.trial_id)


class Keeper:
    """Deletes the checkpoints of losers as soon as they are known, in a thread of its own.

    A loser is a trial of the race that is not among the ``top`` best of those that have ended, and
    a final run that failed; without ``top`` there are none.  With a ``cap`` (bytes) the run is
    measured now and then: where it takes more, the sample grids of losers go, those of the first
    ones first, and where that is not enough, :meth:`wait_for_room` waits and says so through
    ``note``.  A store that is away is not waited for: what could not be deleted goes with the
    finish.
    """

    def __init__(
        self,
        folder: RunFolder,
        top: int | None,
        note: Callable[[str], None],
        cap: float | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._folder, self._note, self._cap, self._look_s = folder, note, cap, look_s
        self._best = None if top is None else Best(top)
        self._todo: queue.SimpleQueue[TrialRecord | None] = queue.SimpleQueue()
        self._doomed: deque[str] = deque()
        self._grids: deque[str] = deque()
        self._used = 0.0
        self._thread = threading.Thread(target=self._work, daemon=True, name="upkeep")

    @contextmanager
    def working(self, before: Iterable[TrialRecord] = ()) -> Iterator[None]:
        """Work until the end, when what is left to do has been done; ``before`` are the trials of
        earlier sessions."""
        for record in before:
            if record.done:
                self.ended(record)
        self._thread.start()
        try:
            yield
        finally:
            self._todo.put(None)
            self._thread.join(END_S)

    def ended(self, record: TrialRecord) -> None:
        """See :class:`Upkeep`."""
        self._todo.put(record)

    def wait_for_room(self) -> None:
        """See :class:`Upkeep`."""
        if self._cap is None or self._used <= self._cap:
            return
        self._note(
            f"the run takes {self._used / GB:,.2f} GB, more than search.resources.disk allows "
            f"({self._cap / GB:g} GB), and nothing is left that could go: paused; make room in "
            f"{self._folder.place}, or end the search with Ctrl-C and raise the cap in its "
            "space.yaml before resume"
        )
        while self._used > self._cap:
            time.sleep(min(1.0, self._look_s))
        self._note(f"the run takes {self._used / GB:,.2f} GB: it goes on")

    # -- in the thread -------------------------------------------------------------------------

    def _work(self) -> None:
        over, away, looked = False, -math.inf, -math.inf
        while not over:
            record, over = self._next()
            if record is not None and (loser := self._loser(record)) is not None:
                self._doomed.append(loser)
            now = time.monotonic()
            if now - away < self._look_s:
                continue
            try:
                self._delete()
                if self._cap is not None and now - looked >= self._look_s:
                    self._keep_cap(self._cap)
                    looked = now
            except (UserError, OSError) as error:
                away = now
                LOG.info("nothing could be deleted: %s", error)

    def _next(self) -> tuple[TrialRecord | None, bool]:
        """The next trial that has ended, None where it is time to look at the run; whether all is
        over."""
        try:
            record = self._todo.get(timeout=self._look_s)
        except queue.Empty:
            return None, False
        return record, record is None

    def _loser(self, record: TrialRecord) -> str | None:
        """The trial whose checkpoints nobody needs since this one has ended."""
        if self._best is None:
            return None
        if record.phase == "final":
            return record.trial_id if record.state != "completed" else None
        standing = standing_of(record)
        if standing is None or not self._has_checkpoint(record):
            return record.trial_id
        out = self._best.add(standing)
        return out.trial_id if out else None

    def _has_checkpoint(self, record: TrialRecord) -> bool:
        try:
            return bool(self._folder.files(f"trials/{record.trial_id}/checkpoints"))
        except UserError:  # the store is away
            return True

    def _delete(self) -> None:
        while self._doomed:
            self._folder.remove(f"trials/{self._doomed[0]}/checkpoints")
            self._grids.append(self._doomed.popleft())

    def _keep_cap(self, cap: float) -> None:
        sizes = self._folder.sizes()
        used = sum(sizes.values())
        while used > cap and self._grids:
            grids = f"trials/{self._grids.popleft()}/grids"
            self._folder.remove(grids)
            used -= sum(size for name, size in sizes.items() if name.startswith(f"{grids}/"))
        self._used = used
