"""R1: the slope of D at reals."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from animesearch.trainers.penalties.base import PENALTIES, Penalty, PenaltySpec
from animesearch.trainers.penalties.gradients import zero_centred_penalty

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic


@PENALTIES.register
class R1(PenaltySpec):
    """R1 (Mescheder 2018): half the squared gradient of D at the reals.

    ``weight`` is the paper's gamma, as in StyleGAN and R3GAN: D's loss gains
    ``weight / 2 E |grad_x D(x)|_2^2``, x real.  Code without the half needs twice our weight.
    """

    source: ClassVar[str] = "Mescheder 2018, arXiv:1801.04406, equation 9"

    name: Literal["r1"] = "r1"

    def build(self) -> Penalty:
        """``1/2 E |grad_x D(x)|_2^2`` at the reals."""

        def penalty(
            critic: Critic, x_real_BCHW: Tensor, _x_fake_BCHW: Tensor, _rng: torch.Generator
        ) -> Tensor:
            return zero_centred_penalty(critic, x_real_BCHW)

        return penalty
