"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.optimisers.base import OPTIMISERS, OptimiserSpec
from animesearch.trainers.optimisers.layouts import portable

if TYPE_CHECKING:
    from torch import nn, optim


@OPTIMISERS.register
class AdamW(OptimiserSpec):
    """Adam whose weights also shrink by ``lr * weight_decay`` of themselves at each step.

    All parameters shrink, biases and gains of normalisations as well.  ``fused`` as in ``adam``.
    """

    source: ClassVar[str] = "Loshchilov 2019, arXiv:1711.05101, algorithm 2"

    name: Literal["adamw"] = "adamw"
    beta1: float = Field(0.5, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of their squares")
    weight_decay: float = Field(
        0.01, ge=0, description="share of a weight taken off per step and unit of learning rate"
    )

    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """The optimiser over ``parameters``."""
        from torch import optim

        return portable(optim.AdamW(parameters, fused=True, **self.group()))

    def group(self) -> dict[str, Any]:
        """Learning rate, betas and decay."""
        betas = (self.beta1, self.beta2)
        return {"lr": self.lr, "betas": betas, "weight_decay": self.weight_decay}
