"""The convolutional GAN of seed 004 (E2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, Task
from animesearch.trainers.architectures.comic_base import ComicSpec

if TYPE_CHECKING:
    from torch import nn

BASES = {28: 7, 48: 12, 64: 8}
"""Side of the image that G's dense layer makes, by the size of the whole."""
HALVINGS = {28: 2, 48: 3, 64: 4}
"""Convolutions of D, by size."""


@ARCHITECTURES.register
class ComicCgan(ComicSpec):
    """Strides in place of pooling, kernel 5, for 28, 48 and 64 px (C: convolutional).

    G at 64 px: dense to (128, 8, 8) without bias, then transposed convolutions of stride 2 with
    128, 128 and 64 filters, batch norm and ReLU after each of the four, and one of stride 1 with
    tanh.  D: convolutions of stride 2 with 32, 64, 128, 128 filters, each with batch norm,
    LeakyReLU(0.3) and dropout 0.5, then dense to the raw logit.  By size (28, 48, 64 px) D has
    2, 3, 4 convolutions, and G 3, 3, 4 transposed ones: the listing is for 64 px, so the smaller
    sizes leave out the first transposed one and begin at 7 and 12 px (their listings are not
    given).  ``width`` (128) is the largest number of filters; the others keep their proportion.

    Where text and listings disagree the listings count.  Text: batch norm after the activation,
    a sigmoid at D's end, G's filters halved at each step; listings: batch norm before it,
    ``Dense(1)`` alone (a raw logit), 128, 128, 64.  Listing 4 writes one filter for its last
    layer and asserts ``self.channels``: the latter.

    Keras's defaults are followed: LeakyReLU's slope 0.3, batch norm's epsilon 1e-3 and momentum
    0.99 (0.01 as PyTorch counts), Glorot-uniform weights, biases of 0, padding ``same`` with one
    row before and two after.  The seed's latent size is not given: 100, which it calls usual.
    """

    source: ClassVar[str] = "seed 004 (E2), listings 3 and 4, section 3.6"
    sizes: ClassVar[tuple[int, ...]] = tuple(BASES)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 16, "latent": 8}

    name: Literal["comic-cgan"] = "comic-cgan"
    width: int = Field(128, ge=4, le=1024, multiple_of=4, description="filters of the widest layer")

    def generator_body(self, task: Task) -> nn.Sequential:
        """Listing 4."""
        from torch import nn

        from animesearch.trainers.modules.convolutional import DoublingConv2d, keras_norm

        base = BASES[task.size]
        width = self.width
        parts: list[nn.Module] = [
            nn.Flatten(),
            nn.Linear(self.latent, width * base**2, bias=False),
            keras_norm(nn.BatchNorm1d, width * base**2, self.bn_momentum),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (width, base, base)),
        ]
        doublings = (task.size // base).bit_length() - 1
        inputs = width
        for outputs in [width] * (doublings - 1) + [width // 2]:
            parts += [
                DoublingConv2d(inputs, outputs),
                keras_norm(nn.BatchNorm2d, outputs, self.bn_momentum),
                nn.ReLU(inplace=True),
            ]
            inputs = outputs
        last = nn.ConvTranspose2d(inputs, task.channels, 5, padding=2, bias=False)
        return nn.Sequential(*parts, last, nn.Tanh())

    def discriminator_body(self, task: Task) -> nn.Sequential:
        """Listing 3."""
        from torch import nn

        from animesearch.trainers.modules.convolutional import HalvingConv2d, keras_norm

        halvings = HALVINGS[task.size]
        parts: list[nn.Module] = []
        inputs = task.channels
        for outputs in [self.width // 4, self.width // 2, self.width, self.width][:halvings]:
            parts += [
                HalvingConv2d(inputs, outputs),
                keras_norm(nn.BatchNorm2d, outputs, self.bn_momentum),
                nn.LeakyReLU(0.3, inplace=True),
                nn.Dropout(self.dropout),
            ]
            inputs = outputs
        side = task.size >> halvings
        return nn.Sequential(*parts, nn.Flatten(), nn.Linear(inputs * side**2, 1))
