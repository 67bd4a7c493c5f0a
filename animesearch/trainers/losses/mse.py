"""Squared error of reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from animesearch.trainers.losses.base import LOSSES, AutoencoderLoss
from animesearch.trainers.losses.reconstruction import ReconstructionLoss, ReconstructionSpec

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register
class SquaredError(ReconstructionSpec):
    """Squared error of pixels, with a divergence if wanted: the autoencoder of seed 002."""

    source: ClassVar[str] = "seed 002 (autoencoder); divergence: Kingma 2014, appendix B"

    name: Literal["mse"] = "mse"

    def build(self) -> AutoencoderLoss[Any]:
        """See :class:`SquaredErrorLoss`."""
        return SquaredErrorLoss(self)


class SquaredErrorLoss(ReconstructionLoss[SquaredError]):
    """``(x_hat - x)^2``."""

    def errors(self, difference_BCHW: Tensor) -> Tensor:
        """Squares."""
        return difference_BCHW.square()
