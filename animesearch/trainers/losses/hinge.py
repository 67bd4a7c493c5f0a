"""Hinge loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from animesearch.trainers.losses.base import LOSSES, GanLoss, LossSpec

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register
class Hinge(LossSpec):
    """Hinge loss (Lim and Ye 2017; Miyato 2018): D is pushed beyond a margin of 1, no further."""

    source: ClassVar[str] = (
        "Lim and Ye 2017, arXiv:1705.02894; Miyato 2018, arXiv:1802.05957, equations 16 and 17"
    )
    classifies: ClassVar[bool] = True

    name: Literal["hinge"] = "hinge"

    def build(self) -> GanLoss[Any]:
        """See :class:`HingeLoss`."""
        return HingeLoss(self)


class HingeLoss(GanLoss[Hinge]):
    """``L_D = E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))``, ``L_G = -E D(G(z))``."""

    @property
    def threshold(self) -> float:
        """0, midway between the margins: the best D has the sign of the likelier side."""
        return 0.0

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """Sum of the two means."""
        return (1.0 - real_B).relu().mean() + (1.0 + fake_B).relu().mean()

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """Raises D's output on fakes."""
        return -fake_B.mean()
