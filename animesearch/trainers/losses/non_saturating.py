"""Non-saturating loss of the original GAN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from animesearch.trainers.losses.base import LOSSES, GanLoss
from animesearch.trainers.losses.labels import LabelledSpec, targets

if TYPE_CHECKING:
    from torch import Tensor

L = TypeVar("L", bound=LabelledSpec)


def cross_entropy(logits_B: Tensor, target: float) -> Tensor:
    """Mean binary cross-entropy of ``sigmoid(logits)`` against one label, stable for any logit.

    ``-t log s(l) - (1 - t) log(1 - s(l)) = softplus(l) - t l``.
    """
    from torch.nn.functional import softplus

    return (softplus(logits_B) - target * logits_B).mean()


@LOSSES.register
class NonSaturating(LabelledSpec):
    """Non-saturating GAN loss: cross-entropy for D, -log D(G(z)) for G (Goodfellow 2014)."""

    source: ClassVar[str] = "Goodfellow 2014, section 3; smoothing: Salimans 2016, section 3.4"

    name: Literal["ns"] = "ns"

    def build(self) -> GanLoss[Any]:
        """See :class:`NonSaturatingLoss`."""
        return NonSaturatingLoss(self)


class NonSaturatingLoss(GanLoss[L]):
    """``L_D = H(t_real, D(x)) + H(t_fake, D(G(z)))``, ``L_G = H(1, D(G(z)))``.

    Base of the other losses whose D classifies by cross-entropy.
    """

    @property
    def threshold(self) -> float:
        """The logit of the labels' middle: 0, and -0.2 with one-sided smoothing (0.45)."""
        middle = targets(self.spec.smoothing).middle
        return math.log(middle / (1.0 - middle))

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """Sum of the two means."""
        labels = targets(self.spec.smoothing)
        return cross_entropy(real_B, labels.real) + cross_entropy(fake_B, labels.fake)

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """``-log D(G(z))``, never smoothed."""
        return cross_entropy(fake_B, 1.0)

    def readable(self, logits_B: Tensor) -> Tensor:
        """D's probability that an image is real."""
        return logits_B.sigmoid()
