"""The configuration of a trial: what a search varies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from animesearch.registry import Options
from animesearch.trainers.architectures import ARCHITECTURES, ArchitectureSpec
from animesearch.trainers.losses import LOSSES, LossSpec

if TYPE_CHECKING:
    from torch import nn, optim


class AdamOptions(Options):
    """Adam (Kingma 2015) of one network; two of them make TTUR (Heusel 2017)."""

    lr: float = Field(2e-4, gt=0, description="learning rate")
    beta1: float = Field(0.5, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of their squares")

    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """The optimiser over ``parameters``."""
        from torch import optim

        return optim.Adam(parameters, lr=self.lr, betas=(self.beta1, self.beta2), fused=True)


class EmaOptions(Options):
    """Moving average of G's weights, the network that is sampled and scored (Karras 2020)."""

    half_life: int = Field(10_000, ge=0, description="images after which a weight counts half")
    ramp: float = Field(
        0.05, ge=0, le=1, description="the half-life is at most this share of the images shown"
    )


class TrialConfig(Options):
    """Everything about a trial that a search may vary; its seed and budget are not in here."""

    architecture: Annotated[ArchitectureSpec, ARCHITECTURES.field()] = Field(
        description="the two networks"
    )
    loss: Annotated[LossSpec, LOSSES.field()] = Field(
        default_factory=lambda: LOSSES.parse("ns"), description="the adversarial loss"
    )
    generator: AdamOptions = Field(AdamOptions(), description="optimiser of G")
    discriminator: AdamOptions = Field(AdamOptions(), description="optimiser of D")
    batch: int = Field(64, ge=2, le=4096, description="images per step of D")
    d_steps: int = Field(1, ge=1, le=10, description="steps of D in an iteration")
    g_steps: int = Field(1, ge=1, le=10, description="steps of G in an iteration")
    ema: EmaOptions = Field(EmaOptions(), description="average of G's weights")
