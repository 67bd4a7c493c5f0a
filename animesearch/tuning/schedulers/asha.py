"""Asynchronous successive halving on rungs in images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from animesearch.tuning.schedulers.base import (
    SCHEDULERS,
    Arrival,
    Decision,
    GroupBy,
    in_images,
    rivals,
)
from animesearch.tuning.schedulers.halving import Halving


@SCHEDULERS.register
class Asha(Halving):
    """Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934, stopping variant).

    A trial is stopped at a rung when its best score so far is not among the best 1/eta of the
    scores that arrived there before it, unless the noise of the score leaves that open.  A slow
    starter is protected by ``grace``: a DCGAN of 64 px scores worse after 4 kimg than untrained.
    """

    name: Literal["asha"] = "asha"
    group_by: GroupBy = Field(
        "none",
        description="race all trials together, each architecture for itself, or each option of a "
        "choice right below 'trial' for itself",
    )
    grace: dict[str, float] = Field(
        default_factory=dict,
        description="architecture -> images (up to 1: share of the budget) before which its "
        "trials are not stopped",
    )

    def decide(self, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> Decision:
        """See :meth:`halve`; never before the grace is over, nor at the last rung."""
        current = arrivals[-1]
        if current.rung >= rungs[-1]:
            return Decision(True, "full budget reached")
        grace = in_images(self.grace.get(current.family, 0.0), rungs[-1])
        if current.rung < grace:
            return Decision(True, f"{current.family} is not stopped before {grace} images")
        return self.halve(rivals(arrivals, self.group_by))
