"""Residual GAN of seed 002 (C5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, Task
from animesearch.trainers.architectures.ganime_gan import GanimeOptions

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class GanimeResgan(GanimeOptions):
    """GAN of seed 002 made deeper by residual blocks; three of its four runs did not converge.

    G and D are those of ``ganime-gan``; ``blocks`` residual blocks (He 2016: two 3x3 convolutions
    and the identity, then ReLU) follow each of G's doublings but the last, ``d_blocks`` each of
    D's last three convolutions.

    The seed says only that residual layers were added and the model was made deeper, that it has
    hardly any transposed convolution and no batch norm, and that both upsampling and batch norm
    might have helped (``upsample: nearest``, ``batch_norm: true``).  Number, place and shape of
    the blocks are ours.
    """

    source: ClassVar[str] = "seed 002 (C5); blocks: He 2016, arXiv:1512.03385"
    smallest: ClassVar[dict[str, int | float | bool]] = {
        "width": 64,
        "latent": 8,
        "blocks": 1,
        "d_width": 4,
        "d_dense": 16,
    }

    name: Literal["ganime-resgan"] = "ganime-resgan"
    blocks: int = Field(2, ge=1, le=8, description="residual blocks after each doubling of G")
    d_blocks: int = Field(
        1, ge=0, le=8, description="residual blocks after each of D's last three convolutions"
    )

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        return self._pair(task, self.blocks, self.d_blocks)
