"""Options and training that both GANs of seed 004 with batch norm share (E1, E2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pydantic import Field

from animesearch.trainers.architectures.base import ArchitectureSpec, Task

if TYPE_CHECKING:
    from torch import nn

    from animesearch.trainers.modules.networks import Networks


class ComicSpec(ArchitectureSpec, ABC):
    """Base of architectures that are two plain stacks of Keras's layers."""

    latent: int = Field(100, ge=1, le=4096, description="dimensions of z")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of values that D's layers drop")
    bn_momentum: float = Field(
        0.99, ge=0, lt=1, description="share of batch norm's running statistics kept per batch"
    )

    def least_batch(self, size: int) -> int:  # noqa: ARG002
        """Batch norm follows G's dense layer: of one image it would leave nothing of z."""
        return 2

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.convolutional import keras_networks

        return keras_networks(
            self.generator_body(task), self.discriminator_body(task), self.latent, task.size
        )

    @abstractmethod
    def generator_body(self, task: Task) -> nn.Sequential:
        """G from ``z_BZ11`` to images."""

    @abstractmethod
    def discriminator_body(self, task: Task) -> nn.Sequential:
        """D from images to raw logits (B, 1)."""
