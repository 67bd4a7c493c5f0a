"""The gradient penalty of DRAGAN, for any loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from animesearch.trainers.penalties.base import PENALTIES, Penalty, PenaltySpec
from animesearch.trainers.penalties.gradients import gradient_penalty
from animesearch.trainers.penalties.points import NOISE, SPREAD, Noise, around

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic


@PENALTIES.register
class DraganPenalty(PenaltySpec):
    """DRAGAN's gradient penalty (Kodali 2017): D's slope is held at 1 around the reals.

    D's loss gains ``weight E (|grad_x D(x)|_2 - 1)^2``, x reals with noise on them (see
    :func:`~animesearch.trainers.penalties.points.around` for how the sources differ there).  The
    loss ``dragan`` is ``ns`` with this penalty.
    """

    source: ClassVar[str] = "Kodali 2017, arXiv:1705.07215; noise: compare_gan"

    name: Literal["dragan-gp"] = "dragan-gp"
    noise: Noise = NOISE
    spread: float = SPREAD

    def build(self) -> Penalty:
        """``E (|grad_x D(x)|_2 - 1)^2`` around the reals."""
        noise, spread = self.noise, self.spread

        def penalty(
            critic: Critic, x_real_BCHW: Tensor, _x_fake_BCHW: Tensor, rng: torch.Generator
        ) -> Tensor:
            return gradient_penalty(critic, around(x_real_BCHW, noise, spread, rng))

        return penalty
