"""Least-squares loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.losses.base import LOSSES, GanLoss
from animesearch.trainers.losses.labels import LabelledSpec, targets

if TYPE_CHECKING:
    from torch import Tensor


def squared_error(outputs_B: Tensor, target: float) -> Tensor:
    """Mean squared distance of D's raw outputs from one label."""
    return (outputs_B - target).square().mean()


@LOSSES.register
class LeastSquares(LabelledSpec):
    """Least-squares GAN loss: squared errors to the labels 1 and 0 (Mao 2017)."""

    source: ClassVar[str] = "Mao 2017, equation 9 (a=0, b=c=1); without the factors: Lucic 2018"

    name: Literal["lsgan"] = "lsgan"
    half: bool = Field(True, description="multiply both losses by Mao's factor 1/2")

    def build(self) -> GanLoss[Any]:
        """See :class:`LeastSquaresLoss`."""
        return LeastSquaresLoss(self)


class LeastSquaresLoss(GanLoss[LeastSquares]):
    """``L_D = k (E(D(x) - t_real)^2 + E(D(G(z)) - t_fake)^2)``, ``L_G = k E(D(G(z)) - 1)^2``.

    ``k`` is 1/2 with ``half``, else 1.
    """

    @property
    def threshold(self) -> float:
        """The labels' middle: 0.5, and 0.45 with one-sided smoothing."""
        return targets(self.spec.smoothing).middle

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """Sum of the two means, times ``k``."""
        labels = targets(self.spec.smoothing)
        errors = squared_error(real_B, labels.real) + squared_error(fake_B, labels.fake)
        return self._factor * errors

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """Distance of the fakes from the label of reals, never smoothed, times ``k``."""
        return self._factor * squared_error(fake_B, 1.0)

    @property
    def _factor(self) -> float:
        return 0.5 if self.spec.half else 1.0
