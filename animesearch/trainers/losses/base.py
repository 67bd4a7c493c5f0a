"""What every loss offers to the training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from animesearch.trainers.modules.networks import Code, Discriminator

Kind = Literal["adversarial", "autoencoder"]
Critic: TypeAlias = "Callable[[Tensor], Tensor]"
"""D with the labels of the batch filled in: images (B, C, H, W) to raw outputs (B,)."""


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

    compares_pairs: ClassVar[bool] = False
    """Whether ``g_objective`` looks at the reals."""

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
        critic: Critic,  # noqa: ARG002
        x_real_BCHW: Tensor,  # noqa: ARG002
        x_fake_BCHW: Tensor,  # noqa: ARG002
        rng: torch.Generator,  # noqa: ARG002
    ) -> Tensor | None:
        """A weighted term added to D's loss, or None.  ``rng`` is a CPU generator."""
        return None

    def d_objective(
        self,
        critic: Critic,
        x_real_BCHW: Tensor,
        x_fake_BCHW: Tensor,
        rng: torch.Generator,
    ) -> DiscriminatorTerms:
        """D's whole objective; reals and fakes pass D as two batches, as in Radford 2016."""
        real_B, fake_B = critic(x_real_BCHW), critic(x_fake_BCHW)
        loss = self.d_loss(real_B, fake_B)
        penalty = self.penalty(critic, x_real_BCHW, x_fake_BCHW, rng)
        total = loss if penalty is None else loss + penalty
        return DiscriminatorTerms(total, real_B.detach(), fake_B.detach())

    def g_objective(
        self,
        critic: Critic,
        x_fake_BCHW: Tensor,
        x_real_BCHW: Tensor,  # noqa: ARG002
    ) -> Tensor:
        """G's whole objective; the reals are there for losses that compare pairs."""
        return self.g_loss(critic(x_fake_BCHW))

    def readable(self, logits_B: Tensor) -> Tensor:
        """D's outputs on the scale that people read: a probability where there is one."""
        return logits_B

    def after_d_step(self, discriminator: Discriminator) -> None:
        """Called after each update of D, for losses that restrict its weights."""

    def observe(self, terms: DiscriminatorTerms) -> None:
        """Called after each update of D with its outputs, for losses with a balance to keep."""

    def state(self) -> dict[str, Tensor]:
        """What a later process needs to go on; empty where a loss remembers nothing."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over a :meth:`state`."""


class AutoencoderLoss(ABC, Generic[S]):
    """A loss of an autoencoder, on images and their reconstructions."""

    def __init__(self, spec: S) -> None:
        self.spec = spec

    @abstractmethod
    def reconstruction(self, x_BCHW: Tensor, x_hat_BCHW: Tensor) -> Tensor:
        """The error of the reconstructions: a scalar."""

    @abstractmethod
    def objective(self, code: Code, x_BCHW: Tensor, x_hat_BCHW: Tensor) -> Tensor:
        """The scalar to minimise."""


class LossSpec(Spec, ABC):
    """Options of a loss; ``build`` makes its :class:`GanLoss` or :class:`AutoencoderLoss`."""

    source: ClassVar[str]
    """Paper and equation."""
    kind: ClassVar[Kind] = "adversarial"
    """Which architectures it trains."""
    classifies: ClassVar[bool] = False
    """Whether D's outputs have a threshold between real and fake, and so an accuracy."""
    needs_reconstruction: ClassVar[bool] = False
    """Whether D must be an autoencoder (BEGAN)."""

    @property
    def needs_variational(self) -> bool:
        """Whether the encoder must give a variance."""
        return False

    @abstractmethod
    def build(self) -> GanLoss[Any] | AutoencoderLoss[Any]:
        """The loss with these options."""


LOSSES: Registry[LossSpec] = Registry("loss", LossSpec)  # type: ignore[type-abstract]
