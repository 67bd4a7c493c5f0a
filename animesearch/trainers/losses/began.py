"""BEGAN: an autoencoding discriminator, and a balance between its two errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.losses.base import LOSSES, DiscriminatorTerms, GanLoss, LossSpec

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register
class Began(LossSpec):
    """BEGAN (Berthelot 2017): D reconstructs reals well and fakes badly, held in balance.

    Needs a D that reconstructs; its raw output is minus the error of each image.
    """

    source: ClassVar[str] = "Berthelot 2017, arXiv:1703.10717, section 3.4"
    needs_reconstruction: ClassVar[bool] = True

    name: Literal["began"] = "began"
    gamma: float = Field(
        0.5,
        ge=0,
        le=1,
        description="diversity ratio E L(G(z)) / E L(x) that is aimed at; low = D attends to reals",
    )
    gain: float = Field(
        0.001,
        gt=0,
        le=1,
        description="lambda_k: how fast k follows the imbalance, for errors that are means "
        "over pixels",
    )

    def build(self) -> GanLoss[Any]:
        """See :class:`BeganLoss`."""
        return BeganLoss(self)


class BeganLoss(GanLoss[Began]):
    """With ``L = -D``, the error of an image: ``L_D = L(x) - k L(G(z))``, ``L_G = L(G(z))``.

    ``k`` in 0..1, at first 0, is the share of D that works against G; after each update of D
    ``k <- k + gain (gamma L(x) - L(G(z)))``, clamped, as the paper has it (Lucic's code does not
    clamp).  It is a tensor that lives beside D's outputs, so that no step waits for it.  Where D
    should draw the line between real and fake is not said by the loss: there is no threshold.
    """

    def __init__(self, spec: Began) -> None:
        import torch

        super().__init__(spec)
        self.k = torch.zeros(())

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """Error on reals, less ``k`` times that on fakes."""
        return self.k.to(fake_B.device) * fake_B.mean() - real_B.mean()

    def g_loss(self, fake_B: Tensor) -> Tensor:
        """Error on fakes: G draws what D can reconstruct."""
        return -fake_B.mean()

    def observe(self, terms: DiscriminatorTerms) -> None:
        """Move ``k`` up where fakes are reconstructed better than gamma asks for."""
        real, fake = -terms.real_B.mean().float(), -terms.fake_B.mean().float()
        step = self.spec.gain * (self.spec.gamma * real - fake)
        self.k = (self.k.to(step.device) + step).clamp(0.0, 1.0)

    def state(self) -> dict[str, Tensor]:
        """``k``."""
        return {"k": self.k}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over ``k``."""
        self.k = state["k"].detach().clone()
