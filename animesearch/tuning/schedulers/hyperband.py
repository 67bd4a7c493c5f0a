"""Hyperband as asynchronous brackets of successive halving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from animesearch.tuning.schedulers.base import (
    SCHEDULERS,
    Arrival,
    Decision,
    Standings,
    last_decision,
)
from animesearch.tuning.schedulers.halving import Halving


@SCHEDULERS.register
class Hyperband(Halving):
    """Hyperband's brackets over ASHA (Li et al. 2018, arXiv:1603.06560; 2020, section 3.3).

    Trials go to brackets in turn by their number; bracket b stops nobody before its rung b, so
    slow starters survive in the later brackets.  A trial competes within its bracket.
    """

    name: Literal["hyperband"] = "hyperband"
    brackets: int = Field(3, ge=1, le=8, description="number of brackets")

    def bracket(self, number: int, rungs: Sequence[int]) -> int:
        """The bracket of a trial; there are never more than rungs."""
        return number % min(self.brackets, len(rungs))

    def decide(self, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> Decision:
        """Halve among the arrivals of the same bracket, from the bracket's first rung on."""
        return last_decision(self.standings(rungs), arrivals)

    def standings(self, rungs: Sequence[int]) -> Standings:
        """A field for each bracket and rung."""
        return _Brackets(self, rungs)


class _Brackets(Standings):
    def __init__(self, hyperband: Hyperband, rungs: Sequence[int]) -> None:
        self._hyperband, self._rungs = hyperband, rungs
        self._fields: defaultdict[tuple[int, int], Standings] = defaultdict(hyperband.field)

    def arrive(self, arrival: Arrival) -> Decision:
        if arrival.rung >= self._rungs[-1]:
            return Decision(True, "full budget reached")
        bracket = self._hyperband.bracket(arrival.number, self._rungs)
        first = self._rungs[bracket]
        if arrival.rung < first:
            return Decision(True, f"bracket {bracket} stops nobody before {first} images")
        decision = self._fields[bracket, arrival.rung].arrive(arrival)
        return Decision(decision.proceed, f"bracket {bracket}: {decision.why}")
