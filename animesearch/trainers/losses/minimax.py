"""Minimax loss of the original GAN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from animesearch.trainers.losses.base import LOSSES, GanLoss
from animesearch.trainers.losses.labels import LabelledSpec
from animesearch.trainers.losses.non_saturating import NonSaturatingLoss, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register
class Minimax(LabelledSpec):
    """Minimax GAN loss: cross-entropy for D, log(1 - D(G(z))) for G (Goodfellow 2014).

    It saturates: where D is sure of a fake, G gets no gradient (Goodfellow 2014, section 3).
    """

    source: ClassVar[str] = "Goodfellow 2014, arXiv:1406.2661, equation 1"

    name: Literal["mm"] = "mm"

    def build(self) -> GanLoss[Any]:
        """See :class:`MinimaxLoss`."""
        return MinimaxLoss(self)


class MinimaxLoss(NonSaturatingLoss[Minimax]):
    """D's loss is that of ``ns``; ``L_G = E log(1 - D(G(z)))``, at most 0."""

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """``log(1 - sigmoid(l)) = -softplus(l)``, with plain labels."""
        return -cross_entropy(fake_B, 0.0)
