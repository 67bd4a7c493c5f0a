"""How far a running search is: counts, rates and an estimate of the time left, no drawing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from animesearch.results.formats import configuration, finite, varying
from animesearch.results.ranking import pruned_at, stops
from animesearch.results.readings import ranking_score
from animesearch.results.records import (
    AttemptStarted,
    Event,
    Phase,
    RunClosed,
    RunOpened,
    Scalar,
    TrialEnded,
    TrialState,
)
from animesearch.results.state import DONE, RunState, TrialRecord

SHORTEST_BASIS = 5.0
"""Seconds of training before a rate is taken for an estimate."""


@dataclass(frozen=True)
class Plan:
    """What a search will do: ``images`` is the full budget of one trial, ``rungs`` the images
    of the rungs where a race stops trials (none without a race), ``finals`` the runs after the race
    that are trained to the end."""

    name: str
    metric: str
    trials: int
    images: int
    rungs: tuple[int, ...] = ()
    finals: int = 0

    @property
    def keep(self) -> float:
        """The share of trials expected to pass a rung: 1/eta, the ratio of the first two."""
        return self.rungs[0] / self.rungs[1] if len(self.rungs) > 1 else 1.0

    def remaining(self, position: int = 0) -> float:
        """Images that a trial at ``position`` is expected to see still.

        Each rung on the way is passed by the share ``keep``; without rungs a trial goes to the
        full budget.
        """
        stops_ahead = [rung for rung in self.rungs if position < rung < self.images]
        total, share, here = 0.0, 1.0, float(position)
        for stop in [*stops_ahead, self.images]:
            total += share * max(0.0, stop - here)
            here, share = float(stop), share * self.keep
        return total


@dataclass(frozen=True)
class Tick:
    """What a worker last told between two reports; anything may be missing."""

    images: int = 0
    rate: float | None = None
    loss_d: float | None = None
    loss_g: float | None = None

    @classmethod
    def of(cls, metrics: Mapping[str, Scalar]) -> Tick:
        rate = finite(metrics.get("images_per_second"))
        return cls(
            images=int(finite(metrics.get("images")) or 0),
            rate=rate if rate is None or rate >= 0 else None,
            loss_d=finite(metrics.get("loss_d")),
            loss_g=finite(metrics.get("loss_g")),
        )


@dataclass(frozen=True)
class Row:
    """One trial at one moment.  ``rung_images`` are those of its last rung, ``last_score``
    its score there, ``score`` the one that it would be ranked by (``fresh``: from fresh
    samples)."""

    trial_id: str
    state: TrialState
    images: int
    rung_images: int | None
    last_score: float | None
    score: float | None
    fresh: bool
    params: Mapping[str, Scalar]
    phase: Phase = "race"
    configuration: str = ""
    tick: Tick = field(default_factory=Tick)


@dataclass(frozen=True)
class Overview:
    """A moment of the search, immutable: a drawing thread may keep it.

    ``counts`` and ``to_start`` are of the race, ``running`` holds final runs too.
    ``expected_images`` counts what is done and what the search is expected to train still,
    ``most_images`` every trial to its full budget; ``rate`` in images per second;
    ``seconds_left`` is an estimate, ``None`` while there is nothing to base it on.
    """

    plan: Plan
    counts: Mapping[TrialState, int]
    to_start: int
    running: tuple[Row, ...]
    best: Row | None
    stops: Mapping[str, int]
    pruned_at: Mapping[int, int]
    done_images: int
    expected_images: int
    most_images: int
    rate: float | None
    elapsed: float
    seconds_left: float | None


class Progress:
    """Follows a search by its events and ticks; safe between threads.

    It copies what it needs from the state that comes with an event, so that the owner of the
    state may go on changing it.  ``clock`` gives seconds that never go back.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._names: list[str] = []
        self._ticks: dict[str, Tick] = {}
        self._stops: dict[str, int] = {}
        self._pruned_at: dict[int, int] = {}
        self._opened = clock()
        self._training_since: float | None = None
        self._images_before: int | None = None

    def observe(self, event: Event, state: RunState) -> None:
        """Take in ``event`` and the state after it."""
        with self._lock:
            self._copy(event, state)
            if self._images_before is None or isinstance(event, RunOpened | TrialEnded):
                self._stops, self._pruned_at = stops(state), pruned_at(state)
            if self._images_before is None or isinstance(event, RunOpened):
                self._images_before = sum(row.images for row in self._rows.values())
                self._training_since = None
            if isinstance(event, AttemptStarted):
                self._training_since = self._training_since or self._clock()
            if isinstance(event, AttemptStarted | TrialEnded):
                self._ticks.pop(event.trial_id, None)
            if isinstance(event, RunClosed):
                self._ticks.clear()

    def _copy(self, event: Event, state: RunState) -> None:
        changed = getattr(event, "trial_id", None)
        if changed in self._rows and len(state.trials) == len(self._rows):
            self._rows[changed] = _row(state.trials[changed])
            return
        self._rows = {trial_id: _row(trial) for trial_id, trial in state.trials.items()}
        self._names = varying([row.params for row in self._rows.values()])

    def tick(self, trial_id: str, metrics: Mapping[str, Scalar]) -> None:
        """Take in what a worker told on its way; unknown trials and odd values are let pass."""
        with self._lock:
            self._ticks[trial_id] = Tick.of(metrics)

    def configuration(self, trial_id: str) -> str:
        """The trial's configuration in short, empty for an unknown one."""
        with self._lock:
            row = self._rows.get(trial_id)
            return configuration(row.params, self._names) if row else ""

    def overview(self) -> Overview:
        """The search as it stands now."""
        with self._lock:
            rows = [self._with_tick(row) for row in self._rows.values()]
            names, opened, now = self._names, self._opened, self._clock()
            since, before = self._training_since, self._images_before or 0
            stopped, pruned = dict(self._stops), dict(self._pruned_at)
        running = [_described(row, names) for row in rows if row.state == "running"]
        best = _best(rows)
        done = sum(row.images for row in rows)
        racing = [row for row in rows if row.phase == "race"]
        to_start = max(0, self.plan.trials - len(racing))
        left = _images_left(self.plan, racing, to_start) + _finals_left(self.plan, rows)
        measured = _measured(done - before, since, now)
        return Overview(
            plan=self.plan,
            counts=Counter(row.state for row in racing),
            to_start=to_start,
            running=tuple(running),
            best=_described(best, names) if best else None,
            stops=stopped,
            pruned_at=pruned,
            done_images=done,
            expected_images=round(done + left),
            most_images=(self.plan.trials + self.plan.finals) * self.plan.images,
            rate=_live_rate(running) or measured,
            elapsed=now - opened,
            seconds_left=left / measured if measured else None,
        )

    def _with_tick(self, row: Row) -> Row:
        tick = self._ticks.get(row.trial_id)
        if tick is None or row.state != "running":
            return row
        return Row(**{**vars(row), "images": max(row.images, tick.images), "tick": tick})


def _row(trial: TrialRecord) -> Row:
    last = trial.last
    return Row(
        trial_id=trial.trial_id,
        state=trial.state,
        images=trial.images,
        rung_images=last.images if last else None,
        last_score=last.score if last else None,
        score=ranking_score(trial),
        fresh=trial.rescored is not None,
        params=trial.params,
        phase=trial.phase,
    )


def _best(rows: Sequence[Row]) -> Row | None:
    """The first in the order of a ranking: fresh scores before those of the race."""
    scored = [(not row.fresh, row.score, place) for place, row in enumerate(rows)
              if row.score is not None]  # fmt: skip
    return rows[min(scored)[2]] if scored else None


def _described(row: Row, names: Sequence[str]) -> Row:
    return Row(**{**vars(row), "configuration": configuration(row.params, names)})


def _images_left(plan: Plan, rows: Sequence[Row], to_start: int) -> float:
    open_rows = [row for row in rows if row.state not in DONE]
    return sum(plan.remaining(row.images) for row in open_rows) + to_start * plan.remaining()


def _finals_left(plan: Plan, rows: Sequence[Row]) -> float:
    """None of them is stopped."""
    finals = [row for row in rows if row.phase == "final"]
    to_start = max(0, plan.finals - len(finals))
    begun = sum(max(0, plan.images - row.images) for row in finals if row.state not in DONE)
    return to_start * plan.images + begun


def _live_rate(running: Sequence[Row]) -> float | None:
    rates = [row.tick.rate for row in running if row.tick.rate is not None]
    return sum(rates) if rates else None


def _measured(images: int, since: float | None, now: float) -> float | None:
    """Images per second of this session, evaluation and waiting in it: what an estimate needs."""
    if since is None or images <= 0 or now - since < SHORTEST_BASIS:
        return None
    return images / (now - since)
