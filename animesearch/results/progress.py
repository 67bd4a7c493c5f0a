"""How far a running search is: counts, rates and an estimate of the time left, no drawing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from animesearch.results.formats import configuration
from animesearch.results.records import (
    AttemptStarted,
    Event,
    RunClosed,
    RungReported,
    RunOpened,
    Scalar,
    TrialEnded,
    TrialState,
)
from animesearch.results.state import RunState
from animesearch.results.tally import Row, Stops, Tally, Tick

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
        self._tally, self._stops = Tally(RunState()), Stops(RunState())
        self._ticks: dict[str, Tick] = {}
        self._opened = clock()
        self._training_since: float | None = None
        self._images_before: int | None = None

    def observe(self, event: Event, state: RunState) -> None:
        """Take in ``event`` and the state after it."""
        with self._lock:
            self._count(event, state)
            if self._images_before is None or isinstance(event, RunOpened):
                self._images_before = sum(row.images for row in self._tally.rows.values())
                self._training_since = None
            if isinstance(event, AttemptStarted):
                self._training_since = self._training_since or self._clock()
            if isinstance(event, AttemptStarted | TrialEnded):
                self._ticks.pop(event.trial_id, None)
            if isinstance(event, RunClosed):
                self._ticks.clear()

    def _count(self, event: Event, state: RunState) -> None:
        """What concerns one trial changes nothing of the others."""
        if self._images_before is None or isinstance(event, RunOpened | RunClosed):
            self._tally, self._stops = Tally(state), Stops(state)
            return
        trial = state.trials.get(event.trial_id)
        if trial is None:
            return
        self._tally.take(trial)
        if isinstance(event, RungReported) and trial.phase == "race":
            self._stops.reach(event.rung, event.images)
        if isinstance(event, TrialEnded):
            self._stops.take(trial)

    def tick(self, trial_id: str, metrics: Mapping[str, Scalar]) -> None:
        """Take in what a worker told on its way; unknown trials and odd values are let pass."""
        with self._lock:
            self._ticks[trial_id] = Tick.of(metrics)

    def configuration(self, trial_id: str) -> str:
        """The trial's configuration in short, empty for an unknown one."""
        with self._lock:
            row = self._tally.rows.get(trial_id)
            return configuration(row.params, self._tally.names) if row else ""

    def overview(self) -> Overview:
        """The search as it stands now."""
        with self._lock:
            tally, names, now = self._tally, self._tally.names, self._clock()
            rows = [self._with_tick(row) for row in tally.open.values()]
            counts, best, closed = +tally.counts, tally.best, tally.images_done
            to_start = max(0, self.plan.trials - tally.racing)
            finals_to_start = max(0, self.plan.finals - tally.finals)
            since, before = self._training_since, self._images_before or 0
            stopped, pruned = self._stops.codes, self._stops.pruned_at
        running = [_described(row, names) for row in rows if row.state == "running"]
        done = closed + sum(row.images for row in rows)
        left = _images_left(self.plan, rows, to_start, finals_to_start)
        measured = _measured(done - before, since, now)
        return Overview(
            plan=self.plan,
            counts=counts,
            to_start=to_start,
            running=tuple(running),
            best=_described(best, names) if best and best.score is not None else None,
            stops=stopped,
            pruned_at=pruned,
            done_images=done,
            expected_images=round(done + left),
            most_images=(self.plan.trials + self.plan.finals) * self.plan.images,
            rate=_live_rate(running) or measured,
            elapsed=now - self._opened,
            seconds_left=left / measured if measured else None,
        )

    def _with_tick(self, row: Row) -> Row:
        tick = self._ticks.get(row.trial_id)
        if tick is None or row.state != "running":
            return row
        return Row(**{**vars(row), "images": max(row.images, tick.images), "tick": tick})


def _described(row: Row, names: Sequence[str]) -> Row:
    return Row(**{**vars(row), "configuration": configuration(row.params, names)})


def _images_left(plan: Plan, rows: Sequence[Row], to_start: int, finals_to_start: int) -> float:
    """Of trials that have not ended; a final one is not stopped."""
    racing = sum(plan.remaining(row.images) for row in rows if row.phase == "race")
    finals = sum(max(0, plan.images - row.images) for row in rows if row.phase == "final")
    to_come = to_start * plan.remaining() + finals_to_start * plan.images
    return racing + finals + to_come


def _live_rate(running: Sequence[Row]) -> float | None:
    rates = [row.tick.rate for row in running if row.tick.rate is not None]
    return sum(rates) if rates else None


def _measured(images: int, since: float | None, now: float) -> float | None:
    """Images per second of this session, evaluation and waiting in it: what an estimate needs."""
    if since is None or images <= 0 or now - since < SHORTEST_BASIS:
        return None
    return images / (now - since)
