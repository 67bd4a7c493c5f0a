"""Asynchronous successive halving on rungs in images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from animesearch.tuning.schedulers.base import (
    SCHEDULERS,
    Arrival,
    Decision,
    GroupBy,
    Standings,
    group_of,
    in_images,
    last_decision,
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
        return last_decision(self.standings(rungs), arrivals)

    def standings(self, rungs: Sequence[int]) -> Standings:
        """A field for each rung and group."""
        return _Fields(self, rungs)

    def grace_of(self, family: str, images: int) -> int:
        """Images before which trials of this architecture are not stopped; ``images`` is the full
        budget."""
        return in_images(self.grace.get(family, 0.0), images)


class _Fields(Standings):
    def __init__(self, asha: Asha, rungs: Sequence[int]) -> None:
        self._asha, self._last = asha, rungs[-1]
        self._fields: defaultdict[tuple[int, str], Standings] = defaultdict(asha.field)

    def arrive(self, arrival: Arrival) -> Decision:
        """Whoever is not stopped yet counts for the others all the same."""
        if arrival.rung >= self._last:
            return Decision(True, "full budget reached")
        field = self._fields[arrival.rung, group_of(arrival, self._asha.group_by)]
        grace = self._asha.grace_of(arrival.family, self._last)
        if arrival.rung < grace:
            field.arrive(replace(arrival, noise=0.0))  # needs no sparing: others may be spared
            return Decision(True, f"{arrival.family} is not stopped before {grace} images")
        return field.arrive(arrival)
