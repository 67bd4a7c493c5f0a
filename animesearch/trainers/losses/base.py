"""What every adversarial loss offers to the training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.modules.networks import Discriminator


class DiscriminatorTerms(NamedTuple):
    """Result of one evaluation of D's objective.

    ``loss`` is the scalar to minimise, penalties included; ``real_B`` and ``fake_B`` are D's raw
    outputs, detached, for the statistics.
    """

    loss: Tensor
    real_B: Tensor
    fake_B: Tensor


S = TypeVar("S", bound="LossSpec")


class GanLoss(ABC, Generic[S]):
    """A loss of generator and discriminator, on raw outputs of D (logits), batch means.

    ``threshold`` separates real (above) from fake in D's raw output: there D holds both for
    equally likely; None where the loss gives the outputs no such meaning.  Most losses define
    ``d_loss`` and ``g_loss`` only; one that sees more than D's two outputs overrides
    ``d_objective`` or ``g_objective``.
    """

    def __init__(self, spec: S) -> None:
        self.spec = spec

    @property
    def threshold(self) -> float | None:
        """Between real and fake in D's raw output, or None."""
        return None

    @abstractmethod
    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """D's loss without penalties: a scalar."""

    @abstractmethod
    def g_loss(self, fake_B: Tensor) -> Tensor:
        """G's loss: a scalar."""

    def penalty(
        self,
        discriminator: Discriminator,  # noqa: ARG002
        x_real_BCHW: Tensor,  # noqa: ARG002
        x_fake_BCHW: Tensor,  # noqa: ARG002
        rng: torch.Generator,  # noqa: ARG002
    ) -> Tensor | None:
        """A weighted term added to D's loss, or None.  ``rng`` is a CPU generator."""
        return None

    def d_objective(
        self,
        discriminator: Discriminator,
        x_real_BCHW: Tensor,
        x_fake_BCHW: Tensor,
        rng: torch.Generator,
    ) -> DiscriminatorTerms:
        """D's whole objective; reals and fakes pass D as two batches, as in Radford 2016."""
        real_B, fake_B = discriminator(x_real_BCHW), discriminator(x_fake_BCHW)
        loss = self.d_loss(real_B, fake_B)
        penalty = self.penalty(discriminator, x_real_BCHW, x_fake_BCHW, rng)
        total = loss if penalty is None else loss + penalty
        return DiscriminatorTerms(total, real_B.detach(), fake_B.detach())

    def g_objective(
        self,
        discriminator: Discriminator,
        x_fake_BCHW: Tensor,
        x_real_BCHW: Tensor,  # noqa: ARG002
    ) -> Tensor:
        """G's whole objective; the reals are there for losses that compare pairs."""
        return self.g_loss(discriminator(x_fake_BCHW))

    def readable(self, logits_B: Tensor) -> Tensor:
        """D's outputs on the scale that people read: a probability where there is one."""
        return logits_B

    def after_d_step(self, discriminator: Discriminator) -> None:
        """Called after each update of D, for losses that restrict its weights."""


class LossSpec(Spec, ABC):
    """Options of an adversarial loss; ``build`` makes its :class:`GanLoss`."""

    source: ClassVar[str]
    """Paper and equation."""

    @abstractmethod
    def build(self) -> GanLoss[Any]:
        """The loss with these options."""


LOSSES: Registry[LossSpec] = Registry("loss", LossSpec)  # type: ignore[type-abstract]
