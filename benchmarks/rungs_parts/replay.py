"""A search played again over recorded curves: the project's scheduler decides, nothing trains.

What each configuration would score at a rung is known, so any order of them, any scheduler whose
rungs were recorded, and any budget can be played without training again.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from animesearch.tuning.schedulers import Arrival, SchedulerSpec

from .curves import Curve, Reading

Currency = Literal["images", "seconds"]
CURRENCIES: Final[tuple[Currency, ...]] = ("images", "seconds")
FINALISTS: Final = 3
"""How many of the best are scored again on fresh samples before one is chosen: the default."""


@dataclass(frozen=True)
class Plan:
    """What is fixed in a replay.

    ``rungs`` in images, all of them recorded; ``workers`` trials run at a time.  No step to a rung
    begins that the rest of ``budget`` in ``currency`` does not pay for, nor one that a trial begun
    earlier might need that rest for (None: the search ends with the configurations).
    """

    scheduler: SchedulerSpec
    rungs: tuple[int, ...]
    workers: int = 2
    budget: float | None = None
    currency: Currency = "images"


@dataclass
class Played:
    """What a replay came to: the best reading of each trial that was begun, who was stopped by
    the scheduler, and the cost of all."""

    images: int = 0
    seconds: float = 0.0
    reached: dict[Curve, Reading] = field(default_factory=dict)
    stopped: set[Curve] = field(default_factory=set)

    def finalists(self, top: int = FINALISTS) -> list[Curve]:
        """The best by their readings, of those that did not collapse."""
        whole = [curve for curve in self.reached if curve.fresh is not None]
        return sorted(whole, key=lambda curve: self.reached[curve].score)[:top]


@dataclass(frozen=True)
class _Step:
    """A trial on its way to its next rung."""

    curve: Curve
    number: int
    place: int = 0


class Replay:
    """One search over ``curves`` in their order."""

    def __init__(self, plan: Plan, curves: Sequence[Curve]) -> None:
        self._plan, self._played = plan, Played()
        self._waiting = [_Step(curve, number) for number, curve in enumerate(curves)][::-1]
        self._arrivals: list[Arrival] = []
        self._running: list[tuple[float, int, _Step]] = []

    def play(self) -> Played:
        """Until the configurations or the budget are at their end."""
        for _ in range(self._plan.workers):
            self._next(0.0)
        while self._running:
            now, _, step = heapq.heappop(self._running)
            following = self._arrive(step)
            if following is None or not self._begin(now, following):
                self._next(now)
        return self._played

    def _next(self, now: float) -> None:
        """A free worker takes up the next configuration."""
        if self._waiting and self._begin(now, self._waiting[-1]):
            self._waiting.pop()

    def _promised(self, number: int) -> float:
        """What the running trials before ``number`` would cost from their next rung to the end."""
        total, index = 0.0, CURRENCIES.index(self._plan.currency)
        for step in (running for _, other, running in self._running if other < number):
            for place in range(step.place + 1, len(self._plan.rungs)):
                total += step_cost(step.curve, self._plan.rungs, place)[index]
        return total

    def _begin(self, now: float, step: _Step) -> bool:
        """Whether the budget pays for the step beside what is promised; its cost is then spent."""
        images, seconds = step_cost(step.curve, self._plan.rungs, step.place)
        played, plan = self._played, self._plan
        spent = {"images": played.images + images, "seconds": played.seconds + seconds}
        rest = spent[plan.currency] + self._promised(step.number)
        if plan.budget is not None and rest > plan.budget:
            return False
        played.images += images
        played.seconds += seconds
        heapq.heappush(self._running, (now + seconds, step.number, step))
        return True

    def _arrive(self, step: _Step) -> _Step | None:
        """The trial's score at the rung, the scheduler's decision, and the step that follows."""
        plan, curve = self._plan, step.curve
        rung = plan.rungs[step.place]
        if curve.at(rung) is None:
            return None  # it collapsed on the way
        best = min(self._readings(step), key=lambda reading: reading.score)
        self._played.reached[curve] = best
        self._arrivals.append(
            Arrival(curve.name, step.number, curve.family, rung, best.score, noise=best.noise)
        )
        if not plan.scheduler.decide(self._arrivals, plan.rungs).proceed:
            self._played.stopped.add(curve)
            return None
        following = step.place + 1
        return _Step(curve, step.number, following) if following < len(plan.rungs) else None

    def _readings(self, step: _Step) -> list[Reading]:
        """Only at the rungs of this plan: others were recorded, but it does not look there."""
        found = [step.curve.at(rung) for rung in self._plan.rungs[: step.place + 1]]
        return [reading for reading in found if reading is not None]


def step_cost(curve: Curve, rungs: Sequence[int], place: int) -> tuple[int, float]:
    """Images and device-seconds from the rung before ``place`` to the one there, its score
    included.  A trial that collapses on the way is counted as if it had got there."""
    rung, before = rungs[place], rungs[place - 1] if place else 0
    there, here = curve.at(rung), curve.at(before)
    if there is not None:
        earlier = here.training if here else 0.0
        return rung - before, there.training - earlier + there.scoring
    known = curve.readings[-1]
    return rung - before, (rung - before) * known.training / known.images + known.scoring


def bias(curves: Sequence[Curve]) -> float:
    """How much higher a reading of the race is than a fresh score of the same checkpoint, in the
    median: the counts of their samples differ."""
    found = sorted(curve.best.score - curve.fresh for curve in curves if curve.fresh is not None)
    return found[len(found) // 2]


def worth(played: Played, curve: Curve, offset: float) -> tuple[float, bool]:
    """What the trial's best checkpoint of this search scores on fresh samples, and whether that
    was measured: where it was stopped before its later best, it is the reading less ``offset``."""
    reading = played.reached[curve]
    if reading == curve.best and curve.fresh is not None:
        return curve.fresh, True
    return reading.score - offset, False


@dataclass(frozen=True)
class Outcome:
    """Means over many orders.

    ``regret`` in units of the metric; ``images``, ``seconds`` (of the device) and
    ``configurations`` that were spent; how often the best one was chosen (``found_best``), was
    stopped (``stopped_best``), and how often what was chosen had no fresh score (``unmeasured``).
    """

    regret: float
    images: float
    seconds: float
    configurations: float
    found_best: float
    stopped_best: float
    unmeasured: float


def outcome(plan: Plan, orders: Sequence[Sequence[Curve]], pool: Sequence[Curve]) -> Outcome:
    """Play every order; regret is against the best fresh score of ``pool``, or of the order itself
    where ``pool`` is empty."""
    offset = bias(pool or orders[0])
    rows = [_row(plan, order, pool or order, offset) for order in orders]
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return Outcome(*means)


def _row(
    plan: Plan, order: Sequence[Curve], pool: Sequence[Curve], offset: float
) -> tuple[float, ...]:
    played = Replay(plan, order).play()
    whole = {curve: curve.fresh for curve in pool if curve.fresh is not None}
    best = min(whole, key=lambda curve: whole[curve])
    found = [(*worth(played, curve, offset), curve) for curve in played.finalists()]
    value, measured, chosen = min(found, key=lambda one: one[0])
    return (
        value - whole[best],
        float(played.images),
        played.seconds,
        float(len(played.reached)),
        float(chosen is best),
        float(best in played.stopped),
        float(not measured),
    )


def shuffled(curves: Sequence[Curve], count: int, rng: Any, size: int | None = None) -> list[Any]:
    """``count`` random orders of ``curves``, of the first ``size`` each (all by default)."""
    places = [rng.permutation(len(curves))[:size] for _ in range(count)]
    return [[curves[place] for place in order] for order in places]
