"""Progress of the work before a race: data, features."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from animesearch.results.views import on_terminal

Stage = Callable[[str, int, int], None]
"""Called with a stage's name, what is done and what there is in all (0: not known yet)."""

QUIET_SECONDS = 10.0


@contextmanager
def stages(console: Console) -> Iterator[Stage]:
    """A bar per stage on a terminal; elsewhere a line at its start, its end and now and then."""
    if not on_terminal(console):
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(escape(name), total=total or None)
        self._progress.update(self._tasks[name], completed=done, total=total or None)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, float] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        finished = total > 0 and done >= total
        if not finished and now - self._shown.get(name, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        if self._shown.get(name) == float("inf"):
            return
        self._shown[name] = float("inf") if finished else now
        amount = f"{done:,} of {total:,}" if total else "begins"
        stamp = time.strftime("%H:%M:%S")
        self._console.print(f"{stamp} {escape(name)}: {amount}", highlight=False)
