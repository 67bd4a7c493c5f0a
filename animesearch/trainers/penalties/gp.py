"""The gradient penalty of WGAN-GP, for any loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.penalties.base import PENALTIES, Penalty, PenaltySpec
from animesearch.trainers.penalties.gradients import gradient_penalty
from animesearch.trainers.penalties.points import between

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic


@PENALTIES.register
class GradientPenalty(PenaltySpec):
    """Gradient penalty (Gulrajani 2017): D's slope is held at 1 between reals and fakes.

    D's loss gains ``weight E (|grad_x D(x)|_2 - 1)^2``, x at random on the lines from fakes to
    reals.  Beside the loss ``ns`` it makes the NS-GP of Fedus 2018.
    """

    source: ClassVar[str] = "Gulrajani 2017, arXiv:1704.00028, equation 3; one-sided: section 4"

    name: Literal["gp"] = "gp"
    one_sided: bool = Field(False, description="slopes below 1 cost nothing")

    def build(self) -> Penalty:
        """``E (|grad_x D(x)|_2 - 1)^2`` between fakes and reals."""
        one_sided = self.one_sided

        def penalty(
            critic: Critic, x_real_BCHW: Tensor, x_fake_BCHW: Tensor, rng: torch.Generator
        ) -> Tensor:
            return gradient_penalty(critic, between(x_real_BCHW, x_fake_BCHW, rng), one_sided)

        return penalty
