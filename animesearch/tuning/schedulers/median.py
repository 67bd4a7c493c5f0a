"""The median stopping rule."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from animesearch.tuning.schedulers.base import (
    SCHEDULERS,
    Arrival,
    Decision,
    GeometricRungs,
    Standings,
    last_decision,
)


@SCHEDULERS.register
class MedianRule(GeometricRungs):
    """Stop a trial whose best is worse than the median of the others (Golovin et al. 2017).

    Google Vizier's rule, on the best score so far at the same rung.
    """

    name: Literal["median"] = "median"
    min_trials: int = Field(3, ge=1, description="other scores at the rung before it may stop one")

    def decide(self, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> Decision:
        """Compare the last arrival with the median of those that reached its rung before."""
        return last_decision(self.standings(rungs), arrivals)

    def standings(self, rungs: Sequence[int]) -> Standings:
        """The scores of each rung in order."""
        return _Rungs(self.min_trials, rungs[-1])


class _Rungs(Standings):
    def __init__(self, fewest: int, last: int) -> None:
        self._fewest, self._last = fewest, last
        self._scores: defaultdict[int, list[float]] = defaultdict(list)

    def arrive(self, arrival: Arrival) -> Decision:
        if arrival.rung >= self._last:
            return Decision(True, "full budget reached")
        others = self._scores[arrival.rung]
        decision = self._compared(arrival.score, others)
        insort(others, arrival.score)
        return decision

    def _compared(self, score: float, others: Sequence[float]) -> Decision:
        if len(others) < self._fewest:
            return Decision(True, f"{len(others)} others at this rung, too few for a median")
        middle = _middle(others)
        side = "not worse" if score <= middle else "worse"
        return Decision(
            score <= middle, f"{side} than the median {middle:.4g} of {len(others)} others"
        )


def _middle(ordered: Sequence[float]) -> float:
    """The median of numbers that stand in order; ``statistics.median`` would sort them again."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
