"""The networks of BEGAN (Berthelot 2017, section 3.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.convolutional import initialise_glorot
from animesearch.trainers.modules.networks import Discriminator, Generator, Networks

BASE = 8


@dataclass(frozen=True)
class BeganPlan:
    """The shape of a BEGAN: ``size`` is 8 px doubled, ``width`` the paper's n.

    ``hidden`` is the length of D's code, ``repeats`` the convolutions per size; with ``skip`` the
    decoders see their first map again after each doubling.
    """

    size: int
    channels: int
    latent: int
    hidden: int
    width: int
    repeats: int = 2
    skip: bool = False

    @property
    def levels(self) -> int:
        """Sizes from 8 px to the image, both counted."""
        return (self.size // BASE).bit_length()

    def networks(self) -> Networks:
        """Both networks, from torch's current random state."""
        return Networks(BeganGenerator(self), BeganDiscriminator(self))


class BeganEncoder(nn.Module):
    """Convolutions with ELU, ``repeats`` per size; each halving adds ``width`` filters."""

    def __init__(self, plan: BeganPlan) -> None:
        super().__init__()
        parts = _conv_elu(plan.channels, plan.width)
        for level in range(1, plan.levels + 1):
            filters = plan.width * level
            for _ in range(plan.repeats):
                parts += _conv_elu(filters, filters)
            if level < plan.levels:
                parts += _conv_elu(filters, filters + plan.width, stride=2)
        self.body = nn.Sequential(*parts, nn.Flatten())
        self.dense = nn.Linear(plan.width * plan.levels * BASE**2, plan.hidden)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images to codes (B, ``hidden``)."""
        code_BZ: Tensor = self.dense(self.body(x_BCHW))
        return code_BZ


class BeganDecoder(nn.Module):
    """Dense to 8x8, then convolutions with ELU and nearest upsampling, ``width`` filters each."""

    def __init__(self, plan: BeganPlan, inputs: int) -> None:
        super().__init__()
        self.skip = plan.skip
        self.dense = nn.Sequential(
            nn.Linear(inputs, plan.width * BASE**2), nn.Unflatten(1, (plan.width, BASE, BASE))
        )
        self.blocks = nn.ModuleList()
        for level in range(plan.levels):
            seen = plan.width * (2 if plan.skip and level else 1)
            widths = [seen] + [plan.width] * (plan.repeats - 1)
            self.blocks.append(
                nn.Sequential(*(part for w in widths for part in _conv_elu(w, plan.width)))
            )
        self.last = nn.Conv2d(plan.width, plan.channels, 3, padding=1)

    def forward(self, code_BZ: Tensor) -> Tensor:
        """Codes to images; not bounded."""
        x = first = self.dense(code_BZ)
        for level, block in enumerate(self.blocks):
            if level:
                x = functional.interpolate(x, scale_factor=2)
                seen = functional.interpolate(first, scale_factor=2**level) if self.skip else None
                x = x if seen is None else torch.cat([x, seen], 1)
            x = block(x)
        image: Tensor = self.last(x)
        return image


class BeganGenerator(Generator):
    """A decoder fed with uniform numbers in [-1, 1], as the paper's z.

    Normals z become uniform through ``erf(z / sqrt 2)``.  Images are unbounded in training, as
    in the paper, which has no output activation; in evaluation they are clipped to the range.
    """

    def __init__(self, plan: BeganPlan) -> None:
        super().__init__(plan.latent, plan.size)
        self.decoder = BeganDecoder(plan, plan.latent).apply(initialise_glorot)

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Full-size images."""
        x_BCHW: Tensor = self.decoder(torch.erf(z_BZ / math.sqrt(2)))
        return x_BCHW if self.training else x_BCHW.clamp(*self.output_range)


class BeganDiscriminator(Discriminator):
    """An autoencoder that answers with minus its error."""

    def __init__(self, plan: BeganPlan) -> None:
        super().__init__()
        self.encoder = BeganEncoder(plan).apply(initialise_glorot)
        self.decoder = BeganDecoder(plan, plan.hidden).apply(initialise_glorot)

    def reconstruct(self, x_BCHW: Tensor) -> Tensor:
        """Images through the code; the same shape."""
        x_hat_BCHW: Tensor = self.decoder(self.encoder(x_BCHW))
        return x_hat_BCHW

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """``-mean |x - D(x)|`` over channels and pixels: (B,), at most 0 (equation 1, eta 1).

        The error is differentiated by both its sides, the image and the reconstruction.
        """
        return -(x_BCHW - self.reconstruct(x_BCHW)).abs().flatten(1).mean(1)


def _conv_elu(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ELU(inplace=True)]
