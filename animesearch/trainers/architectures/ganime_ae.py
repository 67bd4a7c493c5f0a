"""Autoencoder of seed 002 (C1)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Kind, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks

LATENT = {1: 32, 2: 512}


def _latent(known: dict[str, Any]) -> int:
    return LATENT[known.get("version", 2)]


@ARCHITECTURES.register
class GanimeAe(ArchitectureSpec):
    """Convolutional autoencoder of seed 002, drawn from by the Gaussian of its codes.

    Version 2, the seed's last: the encoder has five blocks of convolution, batch norm and ReLU,
    and one dense layer to the code (512); the decoder mirrors it and ends in a transposed
    convolution.  Version 1, its first: six convolutions without batch norm, 16, 32, 64, 128, 128
    and 256 filters, dense layers 128 and 64, a code of 32; the decoder mirrors it and ends in a
    plain convolution.  Images are in [0, 1] through a sigmoid.

    The seed says that kernels are 3x3 in version 1 only, and names no strides and no filters for
    version 2.  Here all kernels are 3x3 and each convolution halves the side, except version 1's
    second of 128 filters; version 2 has 16, 32, 64, 128, 256 filters, so that a 64 px image ends
    as 2x2x256 = 1024 values, the 1024 of the seed's variational decoder.  Filters are multiples
    of ``width``.  Weights begin as Keras's (Glorot, biases 0); a bias before batch norm is left
    out, since it changes nothing.

    New images: the seed decoded random codes and mean codes of real images, and saw noise.  Here
    codes are drawn from the Gaussian that fits those seen in training (Ghosh 2020).
    """

    source: ClassVar[str] = "seed 002 (C1); sampling: Ghosh 2020, arXiv:1903.12436"
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128)
    output_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    kind: ClassVar[Kind] = "autoencoder"
    default_loss: ClassVar[str] = "mse"
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 2, "latent": 8}

    name: Literal["ganime-ae"] = "ganime-ae"
    version: Literal[1, 2] = Field(2, description="2 = the seed's last version, 1 = its first")
    width: int = Field(16, ge=1, le=256, description="filters of the first convolution")
    latent: int = Field(
        default_factory=_latent,
        ge=1,
        le=4096,
        description="dimensions of the code; default: 512, in version 1: 32",
    )

    def least_batch(self, size: int) -> int:
        """Version 2 has batch norm, at 32 px on a last block of one pixel."""
        return 1 if self.version == 1 else least_batch(size)

    def networks(self, task: Task) -> Networks:
        """Decoder and encoder."""
        from animesearch.trainers.modules.autoencoding import AutoencoderPlan

        filters, strides = layers(self.version, self.width)
        first = self.version == 1
        return AutoencoderPlan(
            size=task.size,
            channels=task.channels,
            latent=self.latent,
            filters=filters,
            strides=strides,
            norm=not first,
            hidden=(128, 64) if first else (),
            hidden_back=(64, 128) if first else (),
            transposed=not first,
        ).networks()


def least_batch(size: int) -> int:
    """Images that the batch norm after the last block of version 2 needs at least.

    >>> least_batch(32), least_batch(64)
    (2, 1)
    """
    _, strides = layers(2, 1)
    return 1 if size > prod(strides) else 2


def layers(version: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Filters and strides of the encoder's convolutions.

    >>> layers(1, 16)
    ((16, 32, 64, 128, 128, 256), (2, 2, 2, 2, 1, 2))
    """
    if version == 1:
        return tuple(width * n for n in (1, 2, 4, 8, 8, 16)), (2, 2, 2, 2, 1, 2)
    return tuple(width * n for n in (1, 2, 4, 8, 16)), (2, 2, 2, 2, 2)
