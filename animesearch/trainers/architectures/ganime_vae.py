"""Variational autoencoder of seed 002 (C2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Kind, Task
from animesearch.trainers.architectures.ganime_ae import layers, least_batch

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class GanimeVae(ArchitectureSpec):
    """Variational autoencoder of seed 002 (Kingma 2014).

    The encoder has the five blocks of ``ganime-ae`` (3x3 convolution with stride 2, batch norm,
    ReLU), a dense layer of 512 with ReLU, and from that the mean and the logarithm of the
    variance; a code is drawn as ``mean + exp(log_var / 2) * normal``.  The decoder has a dense
    layer back to the shape of the encoder's last block (1024 = 2x2x256 values at 64 px, as in
    the seed), five blocks that mirror the encoder's, a transposed convolution and a sigmoid:
    images in [0, 1].

    The seed does not give the length of the code; 128 is ours.  Strides, filters and initial
    weights: see ``ganime-ae``.
    """

    source: ClassVar[str] = "seed 002 (C2); Kingma 2014, arXiv:1312.6114"
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128)
    output_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    kind: ClassVar[Kind] = "autoencoder"
    variational: ClassVar[bool] = True
    default_loss: ClassVar[dict[str, str | float]] = {"name": "mae", "kl": 1.0}
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 2, "latent": 8, "dense": 16}

    name: Literal["ganime-vae"] = "ganime-vae"
    width: int = Field(16, ge=1, le=256, description="filters of the first convolution")
    latent: int = Field(128, ge=1, le=4096, description="dimensions of the code")
    dense: int = Field(512, ge=1, le=8192, description="units of the encoder's dense layer")

    def least_batch(self, size: int) -> int:
        """As for version 2 of ``ganime-ae``."""
        return least_batch(size)

    def networks(self, task: Task) -> Networks:
        """Decoder and encoder."""
        from animesearch.trainers.modules.autoencoding import AutoencoderPlan

        filters, strides = layers(2, self.width)
        return AutoencoderPlan(
            size=task.size,
            channels=task.channels,
            latent=self.latent,
            filters=filters,
            strides=strides,
            hidden=(self.dense,),
            variational=True,
        ).networks()
