"""No penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from animesearch.trainers.penalties.base import PENALTIES, Penalty, PenaltySpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.losses import Critic


@PENALTIES.register
class NoPenalty(PenaltySpec):
    """No penalty: an alternative of a choice among penalties."""

    source: ClassVar[str] = "Goodfellow 2014"

    name: Literal["none"] = "none"
    weight: Literal[0] = 0

    def build(self) -> Penalty:
        """The constant 0."""

        def penalty(
            _critic: Critic, x_real_BCHW: Tensor, _x_fake_BCHW: Tensor, _rng: torch.Generator
        ) -> Tensor:
            return x_real_BCHW.new_zeros(())

        return penalty
