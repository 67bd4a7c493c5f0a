"""Time that passes only when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from animesearch.storage.patience import Patience, Pauses

QUICK = Pauses((0.01, 0.02), 0.05)
"""Real pauses, short enough for tests."""


LONG = Pauses((1.0, 2.0), 30.0)


@dataclass
class Clock:
    """Seconds, and what was slept; ``then`` is called after each sleep with their number."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    then: Callable[[int], None] = lambda count: None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        self.then(len(self.slept))

    def __call__(self) -> float:
        return self.now


def patient(clock: Clock, told: list[str] | None = None, pauses: Pauses = LONG) -> Patience:
    """Patience on that clock, without chance; it gives up without ``told``."""
    return Patience(
        tell=None if told is None else told.append,
        pauses=pauses,
        sleep=clock.sleep,
        clock=clock,
        draw=lambda low, high: high,
    )
