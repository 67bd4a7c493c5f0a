"""Wasserstein loss with gradient penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.losses.base import LOSSES, GanLoss, LossSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.modules.networks import Discriminator


def gradient_penalty(critic: Callable[[Tensor], Tensor], x_BCHW: Tensor) -> Tensor:
    """``E (|grad_x D(x)|_2 - 1)^2`` over the batch (Gulrajani 2017, equation 3, without lambda).

    ``x_BCHW`` are points of the data's space; the result can be differentiated by D's weights.
    """
    from torch import autograd

    points = x_BCHW.detach().requires_grad_(True)
    total = critic(points).sum()
    (slope_BCHW,) = autograd.grad(total, points, create_graph=True)
    # The small constant keeps the gradient of the root finite where D is flat.
    norm_B = slope_BCHW.flatten(1).square().sum(1).add(1e-12).sqrt()
    return (norm_B - 1.0).square().mean()


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


class WganGpLoss(GanLoss[WganGp]):
    """``L_D = E D(G(z)) - E D(x) + drift E D(x)^2 + penalty``, ``L_G = -E D(G(z))``."""

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """The negated estimate of the distance, and the drift term."""
        return fake_B.mean() - real_B.mean() + self.spec.drift * real_B.square().mean()

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """Raises D's output on fakes."""
        return -fake_B.mean()

    def penalty(
        self,
        discriminator: Discriminator,
        x_real_BCHW: Tensor,
        x_fake_BCHW: Tensor,
        rng: torch.Generator,
    ) -> Tensor | None:
        """The weighted gradient penalty at random points between reals and fakes, in float32."""
        import torch

        x_real, x_fake = x_real_BCHW.detach().float(), x_fake_BCHW.detach().float()
        share = torch.rand(len(x_real), 1, 1, 1, generator=rng).to(x_real.device)
        with torch.autocast(x_real.device.type, enabled=False):
            mean = gradient_penalty(discriminator, torch.lerp(x_fake, x_real, share))
        return self.spec.penalty * mean
