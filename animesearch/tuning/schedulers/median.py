"""The median stopping rule."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from pydantic import Field

from animesearch.tuning.schedulers.base import (
    SCHEDULERS,
    Arrival,
    Decision,
    GeometricRungs,
    rivals,
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
        current = arrivals[-1]
        if current.rung >= rungs[-1]:
            return Decision(True, "full budget reached")
        others = [a.score for a in rivals(arrivals)[:-1]]
        if len(others) < self.min_trials:
            return Decision(True, f"{len(others)} others at this rung, too few for a median")
        middle = median(others)
        side = "not worse" if current.score <= middle else "worse"
        return Decision(
            current.score <= middle, f"{side} than the median {middle:.4g} of {len(others)} others"
        )
