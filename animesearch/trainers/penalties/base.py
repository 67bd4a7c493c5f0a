"""What every penalty of D offers: a term beside any adversarial loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from pydantic import Field

from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic

Penalty: TypeAlias = "Callable[[Critic, Tensor, Tensor, torch.Generator], Tensor]"
"""``penalty(critic, x_real_BCHW, x_fake_BCHW, rng)``: an unweighted scalar in float32, that D's
weights can be differentiated by.  ``rng`` is a CPU generator."""


class PenaltySpec(Spec, ABC):
    """Options of a penalty; ``build`` makes the function."""

    source: ClassVar[str]
    """Paper and equation."""

    weight: float = Field(10.0, ge=0, description="weight of the penalty in D's loss; 0 = off")
    every: int = Field(
        1,
        ge=1,
        le=1000,
        description="steps of D from one use to the next, weighted by as much: lazy "
        "regularisation (Karras 2020)",
    )

    @abstractmethod
    def build(self) -> Penalty:
        """The function with these options."""

    def due(self, step: int) -> float:
        """The weight at D's step number ``step`` (from 0): 0 between two uses."""
        return self.weight * self.every if step % self.every == 0 else 0.0


PENALTIES: Registry[PenaltySpec] = Registry(
    "penalty",
    PenaltySpec,  # type: ignore[type-abstract]
)
