"""Absolute error of reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from animesearch.trainers.losses.base import LOSSES, AutoencoderLoss
from animesearch.trainers.losses.reconstruction import ReconstructionLoss, ReconstructionSpec

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register
class AbsoluteError(ReconstructionSpec):
    """Absolute error of pixels, with a divergence if wanted: the VAE of seed 002 (``kl: 1``)."""

    source: ClassVar[str] = "seed 002 (variational autoencoder); Kingma 2014, appendix B"

    name: Literal["mae"] = "mae"

    def build(self) -> AutoencoderLoss[Any]:
        """See :class:`AbsoluteErrorLoss`."""
        return AbsoluteErrorLoss(self)


class AbsoluteErrorLoss(ReconstructionLoss[AbsoluteError]):
    """``|x_hat - x|``."""

    def errors(self, difference_BCHW: Tensor) -> Tensor:
        """Absolute values."""
        return difference_BCHW.abs()
