"""What every optimiser declares, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    from torch import nn, optim


class OptimiserSpec(Spec, ABC):
    """Options of the optimiser of one network; two of them make TTUR (Heusel 2017)."""

    source: ClassVar[str]
    """Paper."""

    lr: float = Field(2e-4, gt=0, description="learning rate")
    clip: float | None = Field(
        None, gt=0, description="largest L2 norm of all gradients together; null = no clipping"
    )
    max_norm: float | None = Field(
        None,
        gt=0,
        description="largest L2 norm of the weights of each output unit; null = no constraint",
    )

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """The optimiser over ``parameters``; ``clip`` and ``max_norm`` are the step's business."""

    def group(self) -> dict[str, Any]:
        """The options as they stand in the optimiser's parameter groups (for adoption)."""
        return {"lr": self.lr}


OPTIMISERS: Registry[OptimiserSpec] = Registry(
    "optimiser",
    OptimiserSpec,  # type: ignore[type-abstract]
)
