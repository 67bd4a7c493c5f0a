"""The view of a search where there is no terminal: one line per event."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from animesearch.results.formats import clean, duration
from animesearch.results.narration import Narrator, stamped, summary
from animesearch.results.progress import Plan, Progress
from animesearch.results.records import Event, Scalar
from animesearch.results.state import RunState

PAUSE = 10.0
"""Seconds between two lines of progress, all trials together."""


class Stages:
    """When each stage began and was last spoken of; a stage ends when it reaches its total."""

    def __init__(self, clock: Callable[[], float], pause: float = 0.0) -> None:
        self._clock = clock
        self._pause = pause
        self._began: dict[str, float] = {}
        self._spoken: dict[str, float] = {}
        self._ended: set[str] = set()

    def line(self, name: str, done: int, total: int) -> str:
        """A line on the stage, empty where it is too early for another one, or where there is
        nothing to do."""
        if done <= 0 and total <= 0:
            return ""
        now = self._clock()
        if total > 0 and done >= total:
            return self._end(name, total, now)
        self._ended.discard(name)
        self._began.setdefault(name, now)
        if name in self._spoken and now - self._spoken[name] < self._pause:
            return ""
        self._spoken[name] = now
        return f"{clean(name)}: {done:,} of {total:,}" if total > 0 else f"{clean(name)}: {done:,}"

    def _end(self, name: str, total: int, now: float) -> str:
        """The last line of a stage, once."""
        if name in self._ended:
            return ""
        self._ended.add(name)
        self._spoken.pop(name, None)
        took = now - self._began.pop(name, now)
        return f"{clean(name)}: {total:,} of {total:,} in {duration(took)}"


class PlainView:
    """Short aligned lines, fit for a log file; progress between events at most every 10 s.

    ``clock`` gives seconds that never go back, ``now`` the time of day as seconds since the epoch.
    """

    def __init__(
        self,
        console: Console,
        plan: Plan,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._console = console
        self._clock = clock
        self._now = now
        self._progress = Progress(plan, clock)
        self._narrator = Narrator(plan, self._progress.configuration)
        self._stages = Stages(clock, PAUSE)
        self._spoken = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()

    def event(self, event: Event, state: RunState) -> None:
        self._progress.observe(event, state)
        self._print(*self._narrator.lines(event, state))

    def tick(self, trial_id: str, metrics: Mapping[str, Scalar]) -> None:
        self._progress.tick(trial_id, metrics)
        if self._clock() - self._spoken < PAUSE:
            return
        self._spoken = self._clock()
        self._print(stamped(self._now(), summary(self._progress.overview())))

    def note(self, text: str) -> None:
        self._flush()
        self._print(stamped(self._now(), clean(text)))

    def stage(self, name: str, done: int, total: int) -> None:
        line = self._stages.line(name, done, total)
        if line:
            self._flush()
            self._print(stamped(self._now(), line))

    def _flush(self) -> None:
        self._print(*self._narrator.flush())

    def _print(self, *lines: str) -> None:
        for line in lines:
            self._console.print(Text(line), soft_wrap=True, highlight=False)
