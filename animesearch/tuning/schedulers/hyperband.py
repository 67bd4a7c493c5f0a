"""Hyperband as asynchronous brackets of successive halving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from animesearch.tuning.schedulers.base import SCHEDULERS, Arrival, Decision, rivals
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
        current = arrivals[-1]
        if current.rung >= rungs[-1]:
            return Decision(True, "full budget reached")
        bracket = self.bracket(current.number, rungs)
        if current.rung < rungs[bracket]:
            return Decision(True, f"bracket {bracket} stops nobody before {rungs[bracket]} images")
        mine = [a for a in arrivals if self.bracket(a.number, rungs) == bracket]
        verdict = self.halve(rivals(mine))
        return Decision(verdict.proceed, f"bracket {bracket}: {verdict.why}")
