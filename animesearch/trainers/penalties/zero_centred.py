"""The form that R1 and R2 share."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, ClassVar, Literal

from animesearch.trainers.penalties.base import Penalty, PenaltySpec
from animesearch.trainers.penalties.gradients import zero_centred_penalty

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic


class ZeroCentred(PenaltySpec, ABC):
    """Base of penalties on half the squared gradient of D at one kind of images."""

    at: ClassVar[Literal["reals", "fakes"]]
    """The images at which D's gradient is taken."""

    def build(self) -> Penalty:
        """``1/2 E |grad_x D(x)|_2^2``."""
        reals = self.at == "reals"

        def penalty(
            critic: Critic, x_real_BCHW: Tensor, x_fake_BCHW: Tensor, _rng: torch.Generator
        ) -> Tensor:
            return zero_centred_penalty(critic, x_real_BCHW if reals else x_fake_BCHW)

        return penalty
