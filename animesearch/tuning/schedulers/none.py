"""No early stopping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from animesearch.tuning.schedulers.base import SCHEDULERS, Arrival, Decision, GeometricRungs


@SCHEDULERS.register
class NoScheduler(GeometricRungs):
    """Every trial gets its full budget; collapsed ones still stop.  Scores at the same rungs."""

    stops: ClassVar[bool] = False

    name: Literal["none"] = "none"

    def decide(self, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> Decision:
        """Always go on."""
        return Decision(True, "no early stopping")
