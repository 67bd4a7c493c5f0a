"""Trying again: a few times at once, then for as long as the user waits.

A disk that is full and a store that is away come back; a search that waits loses nothing.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from animesearch.errors import UserError
from animesearch.storage.faults import is_full, is_passing, told

T = TypeVar("T")
SLOW_S: Final = 30.0
LONG_S: Final = 30.0
"""Attempts that last longer have timed out: that was patience enough before it is told."""
PAUSE: Final = "ANIMESEARCH_STORAGE_PAUSE"
"""Environment variable: seconds between two attempts at a store that is lost."""


@dataclass(frozen=True)
class Pauses:
    """Seconds between attempts: ``quick`` ones first, then ``slow`` ones without end.

    Each is shortened by lot to between half and all of it, so that many who wait for one store
    do not come back at the same moment.
    """

    quick: tuple[float, ...] = (0.5, 2.0, 6.0)
    slow: float = SLOW_S


def usual_pauses() -> Pauses:
    """The defaults, or those of :data:`PAUSE`; :class:`UserError` for what is no number."""
    said = os.environ.get(PAUSE, "")
    if not said:
        return Pauses()
    try:
        slow = float(said)
    except ValueError:
        slow = 0.0
    if not 0 < slow < 86_400:
        raise UserError(f"{PAUSE} is '{said}'; allowed: seconds above 0, below 86400")
    return Pauses(tuple(min(pause, slow) for pause in Pauses.quick), slow)


@dataclass
class Patience:
    """Calls what may fail in passing until it does not.

    With ``tell`` it waits for as long as it takes and says so: when it begins to, again whenever
    it has waited twice as long, and when it is over.  Without, it gives up after the quick
    pauses, of which there are none after an attempt that timed out.  ``every`` is called at each
    slow attempt, and may raise to end the waiting; an interrupt ends it in any case.  ``sleep``,
    ``clock`` and ``draw`` are for tests.
    """

    tell: Callable[[str], None] | None = None
    every: Callable[[], None] | None = None
    pauses: Pauses = field(default_factory=usual_pauses)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[float, float], float] = random.uniform

    def __call__(self, call: Callable[[], T], doing: str) -> T:
        """What ``call`` returns, at the first time that it does not fail in passing.

        ``call`` must bear to be repeated; ``doing`` says for messages what it does.  Raises what
        it raises where waiting mends nothing, or where there is no more waiting.
        """
        began, spoken = self.clock(), 0.0
        for pause in self.pauses.quick:
            try:
                return call()
            except OSError as fault:
                if not is_passing(fault):
                    raise
                if self.clock() - began > LONG_S:
                    spoken = self._wait(fault, doing, began, spoken)
                    break
            self.sleep(pause * self.draw(0.5, 1.0))
        else:
            began = self.clock()
        return self._slowly(call, doing, began, spoken)

    def hurry(self) -> None:
        """From now on give up after the quick pauses: the user wants an end."""
        self.tell = None

    def _slowly(self, call: Callable[[], T], doing: str, began: float, spoken: float) -> T:
        while True:
            try:
                found = call()
            except OSError as fault:
                if not is_passing(fault):
                    raise
                spoken = self._wait(fault, doing, began, spoken)
            else:
                if spoken and self.tell is not None:
                    self.tell(f"{doing} works again after {self.clock() - began:,.0f} s")
                return found

    def _wait(self, fault: OSError, doing: str, began: float, spoken: float) -> float:
        """Sleep once; after how many seconds of waiting it was last told.

        Raises the fault where nobody is told.
        """
        tell = self.tell
        if tell is None:
            raise fault
        waited = self.clock() - began
        if waited >= 2 * spoken:
            spoken = max(waited, self.pauses.slow)
            state = "no room left" if is_full(fault) else "storage is lost"
            since = f" for {waited:,.0f} s" if waited >= 1 else ""
            tell(
                f"{state}{since}, {doing} failed: {told(fault)}; paused, trying again every "
                f"{self.pauses.slow:g} s (Ctrl-C ends the search, resume goes on)"
            )
        if self.every is not None:
            self.every()
        self.sleep(self.pauses.slow * self.draw(0.5, 1.0))
        return spoken
