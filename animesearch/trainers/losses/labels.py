"""Label smoothing: the targets that D is given for reals and fakes.

G always aims at the plain label 1: smoothing is for D only (Salimans 2016, section 3.4).
"""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import Field

from animesearch.trainers.losses.base import LossSpec

Smoothing: TypeAlias = Literal["none", "one-sided", "fuzzy"]

SMOOTHING: Any = Field(
    "none",
    description="labels of D (real, fake): none = 1, 0; one-sided = 0.9, 0; fuzzy = 0.9, 0.1",
)


class Targets(NamedTuple):
    """Labels in 0..1 for D."""

    real: float
    fake: float

    @property
    def middle(self) -> float:
        """The label of an image that is as likely real as fake."""
        return (self.real + self.fake) / 2


_TARGETS: dict[str, Targets] = {
    "none": Targets(1.0, 0.0),
    "one-sided": Targets(0.9, 0.0),
    "fuzzy": Targets(0.9, 0.1),
}


def targets(smoothing: Smoothing) -> Targets:
    """The labels of a smoothing.

    >>> targets("fuzzy")
    Targets(real=0.9, fake=0.1)
    """
    return _TARGETS[smoothing]


class LabelledSpec(LossSpec, ABC):
    """Options of a loss whose D is given labels."""

    classifies: ClassVar[bool] = True

    smoothing: Smoothing = SMOOTHING
