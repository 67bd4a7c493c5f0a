"""Generator and discriminator of R3GAN (Huang 2024), without normalisation layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from animesearch.trainers.modules.networks import Discriminator, Generator
from animesearch.trainers.modules.resampling import Smooth

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""What keeps the variance behind a leaky ReLU (He 2015), for weights before it."""

W = TypeVar("W", nn.Conv2d, nn.Linear, nn.Embedding)


@dataclass(frozen=True)
class R3ganPlan:
    """The shape of a pair.

    ``widths`` are the filters at 4, 8, 16, ... pixels, each with ``blocks`` residual blocks of
    ``expansion`` times the filters in groups of ``group`` channels; ``embedding`` are the
    dimensions of a class in G.
    """

    channels: int
    classes: int
    latent_dim: int
    widths: tuple[int, ...]
    blocks: int
    expansion: int
    group: int
    embedding: int

    @property
    def size(self) -> int:
        """Side of the image in pixels."""
        return int(4 << (len(self.widths) - 1))

    def residual_gain(self) -> float:
        """Fixup's factor for the layers of a branch but its last: ``L^(-1 / (2 m - 2))``.

        L branches in the network, of m = 3 layers each (Zhang 2019, arXiv:1901.09321).
        """
        return GAIN * (self.blocks * len(self.widths)) ** -0.25


class InvertedBottleneck(nn.Module):
    """x + (1x1 expand, activation, grouped 3x3, activation, 1x1 back): the paper's config E.

    An activation is a learned bias per channel, here that of the convolution before it, and
    LeakyReLU(0.2).  The last convolution begins at zero, so that a fresh block is the identity.
    """

    def __init__(self, width: int, plan: R3ganPlan) -> None:
        super().__init__()
        inner, gain = width * plan.expansion, plan.residual_gain()
        self.branch = nn.Sequential(
            scaled(nn.Conv2d(width, inner, 1), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=inner // plan.group), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            scaled(nn.Conv2d(inner, width, 1, bias=False), 0.0),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape."""
        branch_BCHW: Tensor = self.branch(x_BCHW)
        return x_BCHW + branch_BCHW


def doubling(inputs: int, outputs: int) -> nn.Sequential:
    """A 1x1 convolution where the number of channels changes, then bilinear enlargement."""
    larger = nn.Upsample(scale_factor=2, mode="bilinear")
    return nn.Sequential(*change(inputs, outputs), larger)


def halving(inputs: int, outputs: int) -> nn.Sequential:
    """Bilinear reduction, then a 1x1 convolution where the number of channels changes."""
    return nn.Sequential(Smooth(padding=1, stride=2), *change(inputs, outputs))


def change(inputs: int, outputs: int) -> list[nn.Module]:
    """A 1x1 convolution, or nothing where the number of channels stays."""
    return [] if inputs == outputs else [scaled(nn.Conv2d(inputs, outputs, 1, bias=False))]


class R3ganGenerator(Generator):
    """A learned 4x4 basis scaled by a linear map of z, residual stages, a 1x1 convolution.

    With classes an embedding of the label is joined to z.
    """

    def __init__(self, plan: R3ganPlan) -> None:
        super().__init__(plan.latent_dim, plan.size)
        self.classes, widths = plan.classes, plan.widths
        code = plan.latent_dim
        if plan.classes:
            code += plan.embedding
            self.embedding = scaled(nn.Embedding(plan.classes, plan.embedding))
        # Of four dimensions, so that the images take its memory format from here on.
        self.basis_1C44 = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.linear = scaled(nn.Linear(code, widths[0], bias=False))
        parts: list[nn.Module] = []
        for before, width in zip((None, *widths), widths, strict=False):
            parts += [] if before is None else [doubling(before, width)]
            parts += [InvertedBottleneck(width, plan) for _ in range(plan.blocks)]
        self.stages = nn.Sequential(*parts)
        self.to_rgb = scaled(nn.Conv2d(widths[-1], plan.channels, 1, bias=False))

    def forward(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Images (B, C, H, W); labels where there are classes.

        The paper's G ends in no activation.  D sees its images as they are; in evaluation mode
        they are cut to [-1, 1].
        """
        if self.classes:
            z_BZ = torch.cat([z_BZ, self.embedding(y_B)], 1)
        x_BC44 = self.basis_1C44 * self.linear(z_BZ)[:, :, None, None]
        image: Tensor = self.to_rgb(self.stages(x_BC44))
        return image if self.training else image.clamp(-1, 1)


class R3ganDiscriminator(Discriminator):
    """G's mirror: 1x1 convolution, residual stages, a depthwise 4x4 convolution, a linear map.

    With classes the linear map ends in as many features as there are filters at 4 px, and the
    logit is their inner product with an embedding of the label.
    """

    def __init__(self, plan: R3ganPlan) -> None:
        super().__init__()
        widths = plan.widths[::-1]
        features = plan.widths[0] if plan.classes else 1
        self.from_rgb = scaled(nn.Conv2d(plan.channels, widths[0], 1, bias=False))
        parts: list[nn.Module] = []
        for width, after in zip(widths, (*widths[1:], None), strict=True):
            parts += [InvertedBottleneck(width, plan) for _ in range(plan.blocks)]
            parts += [] if after is None else [halving(width, after)]
        self.stages = nn.Sequential(*parts)
        last = widths[-1]
        self.basis = scaled(nn.Conv2d(last, last, 4, groups=last, bias=False))
        self.linear = scaled(nn.Linear(last, features, bias=False))
        self.embedding = None
        if plan.classes:
            embedding = nn.Embedding(plan.classes, features)
            self.embedding = scaled(embedding, 1 / math.sqrt(features))

    def features(self, x_BCHW: Tensor) -> Tensor:
        """(B, F), with F = 1 where there are no classes."""
        h_BC11 = self.basis(self.stages(self.from_rgb(x_BCHW)))
        h_BF: Tensor = self.linear(h_BC11.flatten(1))
        return h_BF

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Raw logits (B,); labels where there are classes."""
        h_BF = self.features(x_BCHW)
        if self.embedding is None:
            return h_BF.flatten()
        return (h_BF * self.embedding(y_B)).sum(1)


def scaled(layer: W, gain: float = 1.0) -> W:
    """Normal weights of variance ``gain^2 / fan in`` (He 2015), no bias.

    An embedding is a linear map of one-hot labels: its fan in is the number of classes.
    """
    weight = layer.weight
    fan_in = len(weight) if isinstance(layer, nn.Embedding) else weight[0].numel()
    nn.init.normal_(weight, std=gain / math.sqrt(fan_in))
    bias = getattr(layer, "bias", None)
    if bias is not None:
        nn.init.zeros_(bias)
    return layer
