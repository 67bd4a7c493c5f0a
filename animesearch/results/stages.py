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
from rich.text import Text

from animesearch.results.narration import stamped
from animesearch.results.plain import PAUSE, Stages
from animesearch.results.views import on_terminal

Stage = Callable[[str, int, int], None]
"""Called with a stage's name, what is done and what there is in all (0: not known yet)."""


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
        self._stages = Stages(time.monotonic, PAUSE)

    def __call__(self, name: str, done: int, total: int) -> None:
        line = self._stages.line(name, done, total)
        if line:
            self._console.print(Text(stamped(time.time(), line)), soft_wrap=True, highlight=False)
