"""DRAGAN: cross-entropy with a gradient penalty around the reals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.losses.base import LOSSES, Critic, GanLoss
from animesearch.trainers.losses.labels import LabelledSpec
from animesearch.trainers.losses.non_saturating import NonSaturatingLoss, cross_entropy
from animesearch.trainers.penalties.gradients import gradient_penalty
from animesearch.trainers.penalties.points import NOISE, SPREAD, Noise, around

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@LOSSES.register
class Dragan(LabelledSpec):
    """DRAGAN: cross-entropy losses, and D's slope held at 1 around the reals (Kodali 2017).

    For G the paper has the loss of any GAN, Lucic 2018 prints ``log(1 - D(G(z)))`` in the table
    and computes ``-log D(G(z))`` in the code.  The latter is the default here.
    """

    source: ClassVar[str] = "Kodali 2017, arXiv:1705.07215; Lucic 2018, arXiv:1711.10337, table 1"

    name: Literal["dragan"] = "dragan"
    penalty: float = Field(10.0, gt=0, description="weight of the gradient penalty")
    noise: Noise = NOISE
    spread: float = SPREAD
    saturating: bool = Field(
        False, description="G's loss is log(1 - D(G(z))), as with mm; else -log D(G(z)), as with ns"
    )

    def build(self) -> GanLoss[Any]:
        """See :class:`DraganLoss`."""
        return DraganLoss(self)


class DraganLoss(NonSaturatingLoss[Dragan]):
    """``L_D = L_D of ns + penalty E (|grad_x D(x + noise)|_2 - 1)^2``, k of the paper being 1.

    For the noise see :func:`~animesearch.trainers.penalties.points.around`.  The slope is that
    of D's raw output, as in compare_gan; Lucic's first code takes the probability's.
    """

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """That of ``ns`` or, ``saturating``, of ``mm``."""
        return -cross_entropy(fake_B, 0.0) if self.spec.saturating else super().g_loss(fake_B)

    def penalty(
        self,
        critic: Critic,
        x_real_BCHW: Tensor,
        x_fake_BCHW: Tensor,  # noqa: ARG002
        rng: torch.Generator,
    ) -> Tensor | None:
        """The weighted gradient penalty around the reals, in float32."""
        points_BCHW = around(x_real_BCHW, self.spec.noise, self.spec.spread, rng)
        return self.spec.penalty * gradient_penalty(critic, points_BCHW)
