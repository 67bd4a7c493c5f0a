"""What a scheduler is: rungs in images, and a pure decision on the scores that have arrived."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from animesearch.errors import UserError
from animesearch.registry import Registry, Spec

Share = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Arrival:
    """One score at one rung, in the order of the journal.

    ``score`` is the trial's best so far (lower is better), ``family`` its architecture,
    ``number`` the trial's number, counted from 0; ``option`` the label of the space's own group
    (a choice right below ``trial``), where it has groups; ``noise`` the standard error of the
    score, 0 where it was not estimated.
    """

    trial_id: str
    number: int
    family: str
    rung: int
    score: float
    option: str = ""
    noise: float = 0.0


GroupBy = Literal["none", "architecture", "trial"]
_GROUPS: Mapping[GroupBy, Callable[[Arrival], str]] = {
    "none": lambda arrival: "",
    "architecture": lambda arrival: arrival.family,
    "trial": lambda arrival: arrival.option,
}


@dataclass(frozen=True)
class Decision:
    """Whether a trial goes on, and why, in words for the journal and the screen."""

    proceed: bool
    why: str


class Standings(ABC):
    """The scores of a search as far as they have arrived: the next decision needs no look at all
    of them again."""

    @abstractmethod
    def arrive(self, arrival: Arrival) -> Decision:
        """Take the next score in; the decision on it."""


class SchedulerSpec(Spec, ABC):
    """Options of a scheduler.

    ``decide`` must be a pure function of its arguments, and ``standings`` of the arrivals in
    their order: a resumed search replays the journal through them.
    """

    engine: ClassVar[Literal["journal", "tune-pbt"]] = "journal"
    """Who decides: this class on the journal, or Ray Tune's population based training."""

    stops: ClassVar[bool] = True
    """Whether trials are stopped at rungs, so that fewer images are trained than planned."""

    @abstractmethod
    def rungs(self, images: int) -> tuple[int, ...]:
        """Images of each rung, ascending; the last is the full budget ``images``."""

    def decide(self, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> Decision:
        """The decision on the last of ``arrivals``, which holds every score so far."""
        raise TypeError(f"scheduler '{self.name}' leaves its decisions to Ray Tune")

    def standings(self, rungs: Sequence[int]) -> Standings:
        """Empty standings, which decide as ``decide`` does on all that have arrived.

        A scheduler that keeps what it needs decides in the time of one arrival; without standings
        of its own each decision looks at every arrival again, which 10,000 trials feel.
        """
        return _Recount(self, rungs)


class GeometricRungs(SchedulerSpec):
    """A scheduler whose rungs lie a constant factor apart."""

    first_rung: Share = Field(
        0.125,
        description="images at the first rung; up to 1: a share of the full budget",
    )
    eta: float = Field(2.0, ge=1.5, le=16, description="factor from one rung to the next")

    def rungs(self, images: int) -> tuple[int, ...]:
        """``first_rung``, times ``eta`` each; a first rung beyond the budget is a mistake."""
        first = in_images(self.first_rung, images)
        if first > images:
            raise UserError(
                f"the scheduler's first rung ({first:,} images) lies above the full budget "
                f"({images:,} images)"
            )
        return geometric_rungs(first, self.eta, images)


SCHEDULERS: Registry[SchedulerSpec] = Registry(
    "scheduler",
    SchedulerSpec,  # type: ignore[type-abstract]
)


def in_images(amount: float, images: int) -> int:
    """``amount`` as images: up to 1 it is a share of ``images``."""
    return max(1, round(amount * images)) if amount <= 1 else round(amount)


def geometric_rungs(first: int, eta: float, last: int) -> tuple[int, ...]:
    """``first``, ``first·eta``, … below ``last``, then ``last``.

    A rung closer to the last than half a step is left out: two scores of nearly the same
    network cost time and decide nothing.

    >>> geometric_rungs(4000, 2, 32000)
    (4000, 8000, 16000, 32000)
    """
    rungs: list[int] = []
    rung = float(first)
    while rung < last / eta**0.5:
        rungs.append(round(rung))
        rung *= eta
    return (*rungs, last)


def group_of(arrival: Arrival, group_by: GroupBy = "none") -> str:
    """The group that the arrival competes in: only scores of one rung and group are compared."""
    return _GROUPS[group_by](arrival)


def last_decision(standings: Standings, arrivals: Sequence[Arrival]) -> Decision:
    """The decision on the last of ``arrivals``, at least one."""
    for arrival in arrivals[:-1]:
        standings.arrive(arrival)
    return standings.arrive(arrivals[-1])


class _Recount(Standings):
    """Of a scheduler that only decides on everything at once."""

    def __init__(self, scheduler: SchedulerSpec, rungs: Sequence[int]) -> None:
        self._scheduler, self._rungs = scheduler, rungs
        self._arrivals: list[Arrival] = []

    def arrive(self, arrival: Arrival) -> Decision:
        self._arrivals.append(arrival)
        return self._scheduler.decide(self._arrivals, self._rungs)
