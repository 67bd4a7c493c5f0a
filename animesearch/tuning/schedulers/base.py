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


class SchedulerSpec(Spec, ABC):
    """Options of a scheduler.

    ``decide`` must be a pure function of its arguments: a resumed search replays the journal
    through it.
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


def rivals(arrivals: Sequence[Arrival], group_by: GroupBy = "none") -> list[Arrival]:
    """The scores that compete with the last arrival, itself included: those at its rung, and
    of its group."""
    current = arrivals[-1]
    group = _GROUPS[group_by]
    return [
        other for other in arrivals if other.rung == current.rung and group(other) == group(current)
    ]
