"""Wasserstein loss with gradient penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.losses.base import LOSSES, Critic, GanLoss, LossSpec
from animesearch.trainers.losses.wgan import WassersteinLoss
from animesearch.trainers.penalties.gradients import gradient_penalty
from animesearch.trainers.penalties.points import between

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@LOSSES.register
class WganGp(LossSpec):
    """Wasserstein loss with gradient penalty (Gulrajani 2017), and PGGAN's drift term."""

    source: ClassVar[str] = "Gulrajani 2017, equation 3; drift: Karras 2018, appendix A.1"

    name: Literal["wgan-gp"] = "wgan-gp"
    penalty: float = Field(10.0, gt=0, description="weight of the gradient penalty")
    drift: float = Field(
        0.001, ge=0, description="weight of D(x)^2 on reals, which keeps D near 0; 0 = off"
    )

    def build(self) -> GanLoss[Any]:
        """See :class:`WganGpLoss`."""
        return WganGpLoss(self)


class WganGpLoss(WassersteinLoss[WganGp]):
    """``L_D = E D(G(z)) - E D(x) + drift E D(x)^2 + penalty``, ``L_G = -E D(G(z))``."""

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """The negated estimate of the distance, and the drift term."""
        return super().d_loss(real_B, fake_B) + self.spec.drift * real_B.square().mean()

    def penalty(
        self,
        critic: Critic,
        x_real_BCHW: Tensor,
        x_fake_BCHW: Tensor,
        rng: torch.Generator,
    ) -> Tensor | None:
        """The weighted gradient penalty at random points between reals and fakes, in float32."""
        points_BCHW = between(x_real_BCHW, x_fake_BCHW, rng)
        return self.spec.penalty * gradient_penalty(critic, points_BCHW)
