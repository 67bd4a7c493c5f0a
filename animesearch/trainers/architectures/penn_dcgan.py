"""DCGAN as seed 003 used it (D1)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec

if TYPE_CHECKING:
    from torch import nn

    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class PennDcgan(ArchitectureSpec):
    """DCGAN (Radford 2016): strided convolutions, batch normalisation, one per doubling.

    G maps z (100) by a 4x4 transposed convolution to 4 px and doubles from there with kernel 4,
    stride 2; batch norm and ReLU after each, tanh at the end.  D mirrors it with LeakyReLU(0.2)
    and no batch norm on its first layer; its output is the raw logit.  Filters halve from
    ``width * size / 8`` at 4 px to ``width`` next to the image: 8, 4, 2, 1 times ``width`` at
    64 px.  Weights are drawn from N(0, 0.02), those of batch norm from N(1, 0.02).

    The seed names z, batch and optimiser only; layers follow Radford and PyTorch's example
    (3,576,704 parameters in G, 2,765,568 in D, at 64 px and width 64).
    """

    source: ClassVar[str] = "seed 003 (D1); Radford 2016, arXiv:1511.06434"
    sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 4, "latent": 8}

    name: Literal["penn-dcgan"] = "penn-dcgan"
    width: int = Field(64, ge=1, le=512, description="filters of the layer next to the image")
    latent: int = Field(100, ge=1, le=4096, description="dimensions of z")

    def networks(self, size: int, channels: int) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.networks import (
            Networks,
            PlainDiscriminator,
            PlainGenerator,
        )

        widths = [self.width << level for level in range(int(math.log2(size)) - 2)]
        generator = _generator_body([self.latent, *reversed(widths)], channels)
        discriminator = _discriminator_body([channels, *widths])
        for body in (generator, discriminator):
            body.apply(_initialise)
        return Networks(
            PlainGenerator(generator, self.latent, size), PlainDiscriminator(discriminator)
        )


def _generator_body(widths: list[int], channels: int) -> nn.Sequential:
    """``widths`` from z to the layer before the image."""
    from torch import nn

    parts: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        stride, padding = (1, 0) if level == 0 else (2, 1)
        parts += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    last = nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False)
    return nn.Sequential(*parts, last, nn.Tanh())


def _discriminator_body(widths: list[int]) -> nn.Sequential:
    """``widths`` from the image to the layer of 4x4 pixels."""
    from torch import nn

    parts: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        parts.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
        parts += [nn.BatchNorm2d(outputs)] if level > 0 else []
        parts.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, bias=False))


def _initialise(module: nn.Module) -> None:
    from torch import nn

    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
