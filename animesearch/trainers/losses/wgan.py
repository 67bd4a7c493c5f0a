"""Wasserstein loss with weight clipping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from animesearch.trainers.losses.base import LOSSES, GanLoss, LossSpec

if TYPE_CHECKING:
    from torch import Tensor

    from animesearch.trainers.modules.networks import Discriminator

S = TypeVar("S", bound=LossSpec)


class WassersteinLoss(GanLoss[S]):
    """``L_D = E D(G(z)) - E D(x)``, ``L_G = -E D(G(z))``; subclasses keep D's slope in bounds.

    D's outputs are on no scale: there is no threshold.
    """

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """The negated estimate of the distance."""
        return fake_B.mean() - real_B.mean()

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """Raises D's output on fakes."""
        return -fake_B.mean()


@LOSSES.register
class Wgan(LossSpec):
    """Wasserstein loss with weight clipping (Arjovsky 2017)."""

    source: ClassVar[str] = "Arjovsky 2017, arXiv:1701.07875, algorithm 1"

    name: Literal["wgan"] = "wgan"
    clip: float = Field(0.01, gt=0, description="largest absolute value of a parameter of D")

    def build(self) -> GanLoss[Any]:
        """See :class:`WganLoss`."""
        return WganLoss(self)


class WganLoss(WassersteinLoss[Wgan]):
    """After each update every parameter of D is clamped to ``[-clip, clip]``.

    Every one, as in the authors' code: biases, and scale and shift of a BatchNorm, too.  The
    first update is made with D's unclipped initial weights (algorithm 1, lines 6 and 7).
    """

    def after_d_step(self, discriminator: Discriminator) -> None:
        """Clip."""
        import torch

        with torch.no_grad():
            for parameter in discriminator.parameters():
                parameter.clamp_(-self.spec.clip, self.spec.clip)
