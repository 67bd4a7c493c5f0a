"""The GAN of seed 004 with a dense discriminator (E1)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, Task
from animesearch.trainers.architectures.comic_base import ComicSpec

if TYPE_CHECKING:
    from torch import nn

FULL_WIDTH = 256
"""The ``width`` of the listings."""
UNITS = (4098, 2046, 1024, 512, 256)
"""D's dense layers after the first, at that width."""


@ARCHITECTURES.register
class ComicVanilla(ComicSpec):
    """Dense discriminator against upsampling and convolutions, for 48 px.

    D: flatten, dense layers of H W, 4098, 2046, 1024, 512 and 256 units, LeakyReLU(0.2) and
    dropout 0.5 after each, dense to the raw logit (the sigmoid of the listing is in the loss).
    G: dense to 256 x 6 x 6, ReLU, batch norm; three times nearest upsampling and a convolution:
    128 filters (kernel 3), 64 (kernel 5), the channels (kernel 5); ReLU, then batch norm after
    the first two, tanh after the last.  At 48 px and one channel G has 1,451,137 parameters and
    D 25,895,677.  ``width`` (256) is G's first number of filters; all other layers of both
    networks keep their proportion to it.

    Any multiple of 8 px begins at an eighth of its side (the listing: 6 px).  D's first layer
    has (H W)² weights per channel, 50 million at 64 px in colour; larger images are refused.
    The seed's images are grey; three channels work alike.

    Keras's defaults are followed where the listings are silent: batch norm's epsilon 1e-3 and
    momentum 0.99 (0.01 as PyTorch counts), Glorot-uniform weights, biases of 0.  The comments on
    shapes in listing 2 stand one upsampling too early.  The seed's latent size is not given: 100,
    which it calls usual.
    """

    source: ClassVar[str] = "seed 004 (E1), listings 1 and 2, section 3.5"
    sizes: ClassVar[tuple[int, ...]] = tuple(range(16, 65, 8))
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 8, "latent": 8}

    name: Literal["comic-vanilla"] = "comic-vanilla"
    width: int = Field(
        FULL_WIDTH, ge=4, le=1024, multiple_of=4, description="filters of G's first image"
    )

    def generator_body(self, task: Task) -> nn.Sequential:
        """Listing 2."""
        from torch import nn

        from animesearch.trainers.modules.convolutional import keras_norm

        base = task.size // 8
        first = self.width * base**2
        parts: list[nn.Module] = [
            nn.Flatten(),
            nn.Linear(self.latent, first),
            nn.ReLU(inplace=True),
            keras_norm(nn.BatchNorm1d, first, self.bn_momentum),
            nn.Unflatten(1, (self.width, base, base)),
            nn.Upsample(scale_factor=2),
        ]
        widths = [self.width >> level for level in range(3)]
        for (inputs, outputs), kernel in zip(pairwise(widths), (3, 5), strict=True):
            parts += [
                nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
                nn.ReLU(inplace=True),
                keras_norm(nn.BatchNorm2d, outputs, self.bn_momentum),
                nn.Upsample(scale_factor=2),
            ]
        return nn.Sequential(*parts, nn.Conv2d(widths[-1], task.channels, 5, padding=2), nn.Tanh())

    def discriminator_body(self, task: Task) -> nn.Sequential:
        """Listing 1."""
        from torch import nn

        pixels = task.size**2
        hidden = [max(1, units * self.width // FULL_WIDTH) for units in (pixels, *UNITS)]
        parts: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise([task.channels * pixels, *hidden]):
            parts += [
                nn.Linear(inputs, outputs),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Dropout(self.dropout),
            ]
        return nn.Sequential(*parts, nn.Linear(hidden[-1], 1))
