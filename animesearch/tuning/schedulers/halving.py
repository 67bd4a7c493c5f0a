"""Halving on noisy scores: who goes on at a rung.  Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from animesearch.tuning.schedulers.base import (
    Arrival,
    Decision,
    GeometricRungs,
    Standings,
    last_decision,
)


class Halving(GeometricRungs):
    """A scheduler that halves at rungs, and spares close losers."""

    doubt: float = Field(
        1.96,
        ge=0,
        le=4,
        description="half-width of a score's interval, in its standard errors; a trial whose "
        "interval crosses the cut is spared; 0: none is",
    )
    spare: float = Field(
        0.125,
        ge=0,
        le=1,
        description="share of the trials at a rung that may be spared so, rounded down",
    )

    def halve(self, here: Sequence[Arrival]) -> Decision:
        """The decision on the last of the arrivals of one rung and group.

        It goes on if it is among the best ``ceil(n / eta)`` of the ``n`` arrivals.  Rounding up
        keeps at least the promised share, so that with few arrivals the benefit of the doubt
        goes to the trial; the first to arrive always goes on.  So does a loser whose interval
        reaches the last score that goes on, as long as no more than ``spare`` of the arrivals
        were: the noise of a score is that of its own fakes, and killing is for ever.
        """
        return last_decision(self.field(), here)

    def field(self) -> Standings:
        """The standings of one rung and group, nobody there yet."""
        return _Field(self.eta, self.doubt, self.spare)


@dataclass
class _Field(Standings):
    """The arrivals of one rung so far: their scores in order, and how many were spared."""

    eta: float
    doubt: float
    spare: float

    def __post_init__(self) -> None:
        self._scores: list[float] = []
        self._spared = 0

    def arrive(self, arrival: Arrival) -> Decision:
        place = 1 + bisect_left(self._scores, arrival.score)
        insort(self._scores, arrival.score)
        count = len(self._scores)
        kept = math.ceil(count / self.eta)
        words = f"{place} of {count} at this rung, the best {kept} go on"
        if place <= kept:
            return Decision(True, words)
        cut, reach = self._scores[kept - 1], self.doubt * arrival.noise
        if reach <= 0 or arrival.score - reach > cut:
            return Decision(False, words)
        return self._in_doubt(words, cut, reach, math.floor(self.spare * count))

    def _in_doubt(self, words: str, cut: float, reach: float, most: int) -> Decision:
        near = f"{words}; its interval of ±{reach:.4g} crosses the cut at {cut:.4g}"
        if self._spared >= most:
            return Decision(False, f"{near}, but {self._spared} of at most {most} are spared")
        self._spared += 1
        return Decision(True, f"{near}: spared, {self._spared} of at most {most}")
