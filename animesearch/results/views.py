"""What the person at the keyboard sees while a search runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from animesearch.results.live import LiveView
from animesearch.results.plain import PlainView
from animesearch.results.progress import Plan
from animesearch.results.records import Event, Scalar
from animesearch.results.state import RunState

__all__ = ["GuardedView", "LiveView", "PlainView", "Plan", "View", "make_view"]
LOG = logging.getLogger(__name__)


class View(Protocol):
    """Shows a search; a context manager that is open while the search runs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def event(self, event: Event, state: RunState) -> None:
        """An event was written to the journal; ``state`` has taken it in."""

    def tick(self, trial_id: str, metrics: Mapping[str, Scalar]) -> None:
        """A worker is on its way: ``images``, ``images_per_second``, ``loss_d``, ``loss_g``;
        any of them may be missing."""

    def note(self, text: str) -> None:
        """A remark for the person."""

    def stage(self, name: str, done: int, total: int) -> None:
        """Progress of something else than training; it is over when ``done`` reaches ``total``.
        A ``total`` of 0 is one that is not known yet."""


class GuardedView:
    """Another view that cannot stop a search: its faults are logged once and let pass.

    A closed pipe (``animesearch run | head``) counts among them; rich ends the program there.
    """

    def __init__(self, inner: View) -> None:
        self.inner = inner
        self._logged = False

    def __enter__(self) -> Self:
        self._try(self.inner.__enter__)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._try(lambda: self.inner.__exit__(kind, error, trace))

    def event(self, event: Event, state: RunState) -> None:
        self._try(lambda: self.inner.event(event, state))

    def tick(self, trial_id: str, metrics: Mapping[str, Scalar]) -> None:
        self._try(lambda: self.inner.tick(trial_id, metrics))

    def note(self, text: str) -> None:
        self._try(lambda: self.inner.note(text))

    def stage(self, name: str, done: int, total: int) -> None:
        self._try(lambda: self.inner.stage(name, done, total))

    def _try(self, call: Callable[[], object]) -> None:
        try:
            call()
        except SystemExit:
            if not self._logged:
                LOG.warning("nobody reads the output any more; the search goes on")
            self._logged = True
        except Exception:
            if not self._logged:
                LOG.exception("the view failed; the search goes on")
            self._logged = True


def make_view(  # noqa: PLR0913 - what a plan is made of
    console: Console,
    *,
    name: str,
    metric: str,
    trials: int,
    images: int,
    rungs: Sequence[int] = (),
    finals: int = 0,
) -> View:
    """The live view on a terminal, plain lines elsewhere; neither can stop the search.

    ``images`` is the full budget of one trial, ``rungs`` the images of the rungs where the race
    stops trials, none where it stops nothing, ``finals`` the runs to the end that follow it: the
    time left is estimated from them.
    """
    plan = Plan(name, metric, trials, images, tuple(rungs), finals)
    inner = LiveView(console, plan) if on_terminal(console) else PlainView(console, plan)
    return GuardedView(inner)


def on_terminal(console: Console) -> bool:
    """Whether a person watches: colours can be forced on a log file, a terminal cannot."""
    isatty = getattr(console.file, "isatty", None)
    return console.is_interactive and not console.is_jupyter and bool(isatty and isatty())
