"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.optimisers.base import OPTIMISERS, OptimiserSpec

if TYPE_CHECKING:
    from torch import nn, optim


@OPTIMISERS.register
class RmsProp(OptimiserSpec):
    """RMSprop (Hinton 2012), the optimiser of WGAN, whose learning rate is the default.

    Torch has no fused one; its own choice (``foreach`` on a GPU, a loop on a CPU) is left to it.
    """

    source: ClassVar[str] = "Hinton 2012, lecture 6e; Arjovsky 2017, arXiv:1701.07875, algorithm 1"

    name: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(5e-5, gt=0, description="learning rate")
    alpha: float = Field(0.99, ge=0, lt=1, description="decay of the mean of squared gradients")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the last step kept")

    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """The optimiser over ``parameters``."""
        from torch import optim

        return optim.RMSprop(parameters, **self.group())

    def group(self) -> dict[str, Any]:
        """Learning rate, decay and momentum."""
        return {"lr": self.lr, "alpha": self.alpha, "momentum": self.momentum}
