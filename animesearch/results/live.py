"""The live view of a search on a terminal."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from animesearch.results.columns import STYLES
from animesearch.results.formats import NO_NUMBER, clean, duration, kimg, score_text, shorten
from animesearch.results.narration import (
    Narrator,
    images_text,
    left_text,
    rate_text,
    stamped,
    stopped_text,
)
from animesearch.results.plain import Stages
from animesearch.results.progress import Overview, Plan, Progress
from animesearch.results.records import Event, Scalar, TrialState
from animesearch.results.state import RunState
from animesearch.results.tally import Row

LINES_KEPT = 6
FIXED_HEIGHT = 17
"""Lines of the view beside the table of running trials: the rest of the terminal is its own."""
STATES: tuple[TrialState, ...] = (
    "running", "completed", "pruned", "collapsed", "failed", "pending",
)  # fmt: skip
LOG = logging.getLogger(__name__)


class LiveView:
    """Redraws itself four times a second from a thread of its own; :class:`Progress` and a lock
    stand between that thread and the caller's."""

    def __init__(
        self,
        console: Console,
        plan: Plan,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._console = console
        self._now = now
        self._progress = Progress(plan, clock)
        self._narrator = Narrator(plan, self._progress.configuration)
        self._stages = Stages(clock)
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._open_stages: dict[str, tuple[int, int]] = {}
        self._broken = False
        self._live = Live(
            get_renderable=self.render,
            console=console,
            refresh_per_second=4,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._say(*self._narrator.flush())
        self._live.stop()

    def event(self, event: Event, state: RunState) -> None:
        self._progress.observe(event, state)
        self._say(*self._narrator.lines(event, state))

    def tick(self, trial_id: str, metrics: Mapping[str, Scalar]) -> None:
        self._progress.tick(trial_id, metrics)

    def note(self, text: str) -> None:
        self._say(stamped(self._now(), clean(text)))

    def stage(self, name: str, done: int, total: int) -> None:
        line = self._stages.line(name, done, total)
        ended = total > 0 and done >= total
        with self._lock:
            self._open_stages.pop(name, None)
            if line and not ended:
                self._open_stages[name] = (done, total)
        if ended:
            self._say(stamped(self._now(), line))

    def _say(self, *lines: str) -> None:
        with self._lock:
            self._lines.extend(lines)

    def render(self) -> RenderableType:
        """The view as it stands; never raises, because it runs in the drawing thread."""
        try:
            with self._lock:
                lines, stages = list(self._lines), dict(self._open_stages)
            room = max(2, self._console.size.height - FIXED_HEIGHT - len(stages))
            return draw(self._progress.overview(), stages, lines, room)
        except Exception:
            if not self._broken:
                LOG.exception("the live view could not be drawn; the search goes on")
            self._broken = True
            return Text("the view could not be drawn; the search goes on")


def draw(
    overview: Overview, stages: Mapping[str, tuple[int, int]], lines: list[str], room: int
) -> RenderableType:
    """The whole view; ``room`` is the number of running trials that there is space for."""
    parts: list[RenderableType] = [Rule(Text(clean(overview.plan.name)), align="left")]
    parts.append(_facts(overview))
    parts.append(_bar(overview.done_images, overview.expected_images, _bar_text(overview)))
    parts.extend(
        _bar(done, total, f"{clean(name)} {done}/{total}" if total else f"{clean(name)} {done}")
        for name, (done, total) in stages.items()
    )
    if overview.running:
        parts.extend([Text(), _running(overview, room)])
    parts.append(Text("\n".join(["", *lines]), style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _facts(overview: Overview) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("trials", _counts(overview))
    grid.add_row("best", _best(overview))
    grid.add_row("stopped", Text(stopped_text(overview)))
    grid.add_row("time", Text(_time(overview)))
    return grid


def _counts(overview: Overview) -> Text:
    parts = [(f"{overview.counts[state]} {state}", STYLES[state]) for state in STATES
             if overview.counts.get(state)]  # fmt: skip
    if overview.to_start:
        parts.append((f"{overview.to_start} to come", "dim"))
    text = Text(", ").join(Text(words, style=style) for words, style in parts)
    return text if parts else Text("none yet", style="dim")


def _best(overview: Overview) -> Text:
    best = overview.best
    if best is None:
        return Text("no score yet", style="dim")
    return Text.assemble(
        (f"{score_text(best.score)} ", "bold green"),
        f"{clean(overview.plan.metric)}  {clean(best.trial_id)}  {best.configuration}",
    )


def _time(overview: Overview) -> str:
    spans = (f"{duration(overview.elapsed)} so far", left_text(overview))
    return ", ".join(span for span in spans if span)


def _bar_text(overview: Overview) -> str:
    words = (images_text(overview), rate_text(overview))
    return "  ".join(word for word in words if word)


def _bar(done: int, total: int, text: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=16, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(ProgressBar(total=max(1, total), completed=min(done, max(1, total))), Text(text))
    return grid


def _running(overview: Overview, room: int) -> Table:
    """The running trials: the configuration gives way where the terminal is narrow."""
    metric = clean(overview.plan.metric)
    headers = ("trial", "kimg", "rung", metric, "img/s", "loss D", "loss G")
    rows = [_running_cells(row, overview.plan) for row in overview.running[:room]]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for place, header in enumerate(headers):
        width = max(len(header), *(len(cells[place]) for cells in rows))
        right = place > 0
        table.add_column(
            Text(header), justify="right" if right else "left", no_wrap=True, min_width=width
        )
    table.add_column(Text("configuration"), no_wrap=True, overflow="ellipsis", ratio=1)
    for cells in rows:
        table.add_row(*(Text(cell) for cell in cells))
    hidden = len(overview.running) - len(rows)
    if hidden > 0:
        table.caption = Text(f"{hidden} more running")
    return table


def _running_cells(row: Row, plan: Plan) -> list[str]:
    tick = row.tick
    return [
        shorten(clean(row.trial_id), 12),
        f"{kimg(row.images)}/{plan.images / 1000:g}",
        NO_NUMBER if row.rung_images is None else kimg(row.rung_images),
        score_text(row.last_score),
        NO_NUMBER if tick.rate is None else f"{tick.rate:.0f}",
        _loss(tick.loss_d),
        _loss(tick.loss_g),
        row.configuration,
    ]


def _loss(value: float | None) -> str:
    return NO_NUMBER if value is None else f"{value:.3g}"
