"""Relativistic pairing loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from animesearch.trainers.losses.base import LOSSES, Critic, GanLoss, LossSpec

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register
class RpGan(LossSpec):
    """Relativistic pairing loss (Jolicoeur-Martineau 2019): each fake against one real.

    The loss of R3GAN, which needs the penalties ``r1`` and ``r2`` beside it to converge (Huang
    2024, section 2).
    """

    source: ClassVar[str] = (
        "Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4 (RSGAN); Huang 2024, "
        "arXiv:2501.05441, equation 2"
    )

    name: Literal["rpgan"] = "rpgan"

    def build(self) -> GanLoss[Any]:
        """See :class:`RpGanLoss`."""
        return RpGanLoss(self)


class RpGanLoss(GanLoss[RpGan]):
    """With ``f(t) = softplus(-t)``: ``L_D = E f(D(x) - D(G(z)))``, ``L_G = E f(D(G(z)) - D(x))``.

    The expectation is over pairs, the i-th real with the i-th fake.  Only differences of D's
    outputs count: there is no threshold.
    """

    compares_pairs = True

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """How far reals are from standing above the fakes beside them."""
        return self.g_loss(real_B - fake_B)

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """``E f`` of D's outputs on fakes relative to those on reals (a real being 0)."""
        from torch.nn.functional import softplus

        return softplus(-fake_B).mean()

    def g_objective(self, critic: Critic, x_fake_BCHW: Tensor, x_real_BCHW: Tensor) -> Tensor:
        """D's loss with the roles changed; nothing flows through the reals."""
        import torch

        with torch.no_grad():
            real_B = critic(x_real_BCHW)
        return self.g_loss(critic(x_fake_BCHW) - real_B)
