"""R2: the slope of D at fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from animesearch.trainers.penalties.base import PENALTIES, Penalty, PenaltySpec
from animesearch.trainers.penalties.gradients import zero_centred_penalty

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic


@PENALTIES.register
class R2(PenaltySpec):
    """R2 (Mescheder 2018): half the squared gradient of D at the fakes.

    ``weight`` is the paper's gamma, as with ``r1``: D's loss gains
    ``weight / 2 E |grad_x D(x)|_2^2``, x a fake.  R3GAN uses both with one gamma.
    """

    source: ClassVar[str] = "Mescheder 2018, arXiv:1801.04406, equation 10"

    name: Literal["r2"] = "r2"

    def build(self) -> Penalty:
        """``1/2 E |grad_x D(x)|_2^2`` at the fakes."""

        def penalty(
            critic: Critic, _x_real_BCHW: Tensor, x_fake_BCHW: Tensor, _rng: torch.Generator
        ) -> Tensor:
            return zero_centred_penalty(critic, x_fake_BCHW)

        return penalty
