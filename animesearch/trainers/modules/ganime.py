"""Generator and discriminator of seed 002, with all that it tried on them.

Layers are counted from the dense one, which is layer 1; at 64 px the doublings are 2 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.autoencoding import dense_relu, norm_relu
from animesearch.trainers.modules.convolutional import initialise_glorot
from animesearch.trainers.modules.networks import Generator, PlainDiscriminator

Skip: TypeAlias = Literal["none", "2-5", "all"]
Upsampling: TypeAlias = Literal["transposed", "nearest"]


@dataclass(frozen=True)
class GeneratorPlan:
    """The shape of a :class:`GanimeGenerator`; ``size`` is 4 px doubled at least three times.

    ``width`` filters at 4 px halve with each doubling.  See the options of ``ganime-gan`` for
    the rest.
    """

    size: int
    channels: int
    latent: int
    width: int
    kernel: int = 4
    upsample: Upsampling = "transposed"
    norm: bool = False
    duplicate: bool = False
    skip: Skip = "none"
    noise: float = 0.0
    extra: bool = False
    blocks: int = 0

    @property
    def doublings(self) -> int:
        """How often 4 px double."""
        return self.size.bit_length() - 3

    @property
    def filters(self) -> list[int]:
        """Filters at 4 px and after each doubling that has a layer behind it."""
        return [self.width >> level for level in range(self.doublings + self.extra)]

    def doubling(self, inputs: int, outputs: int, bias: bool = True) -> nn.Module:
        """The layer that doubles the side: transposed convolution, or upsampling and 3x3."""
        if self.upsample == "nearest":
            return nn.Sequential(nn.Upsample(scale_factor=2), self.keeping(inputs, outputs, bias))
        padding, odd = (self.kernel - 1) // 2, self.kernel % 2
        return nn.ConvTranspose2d(
            inputs, outputs, self.kernel, 2, padding, output_padding=odd, bias=bias
        )

    def keeping(self, inputs: int, outputs: int, bias: bool = True) -> nn.Module:
        """A 3x3 layer that keeps the side, of the kind that ``upsample`` names."""
        kind = nn.Conv2d if self.upsample == "nearest" else nn.ConvTranspose2d
        return kind(inputs, outputs, 3, padding=1, bias=bias)

    def finish(self, filters: int) -> list[nn.Module]:
        """What follows each layer but the last: normalisation, ReLU, noise."""
        noise = [TrainingNoise(self.noise)] if self.noise else []
        return [*norm_relu(filters, self.norm), *noise]


class GanimeGenerator(Generator):
    """Dense to 4x4, doublings that halve the filters, an image layer, a sigmoid.

    The image layer is the last doubling; with ``extra`` it is one more layer of stride 1.
    """

    def __init__(self, plan: GeneratorPlan) -> None:
        super().__init__(plan.latent, plan.size, (0.0, 1.0))
        filters = plan.filters
        self.dense = nn.Sequential(
            nn.Linear(plan.latent, filters[0] * 16),
            nn.Unflatten(1, (filters[0], 4, 4)),
            *plan.finish(filters[0]),
        )
        self.stages = nn.ModuleList(Stage(plan, *pair) for pair in pairwise(filters))
        # The skip enters before the last doubling, whether or not a layer comes after that.
        self.joint = plan.doublings - 2
        self.skip = (
            nn.Conv2d(filters[1], filters[plan.doublings - 1], 1) if plan.skip == "2-5" else None
        )
        image = plan.keeping if plan.extra else plan.doubling
        self.last = image(filters[-1], plan.channels)
        self.apply(initialise_glorot)

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Full-size images in [0, 1]."""
        x = second = self.stages[0](self.dense(z_BZ))
        for number, stage in enumerate(self.stages[1:], start=1):
            x = stage(x)
            if self.skip is not None and number == self.joint:
                x = add_enlarged(x, self.skip(second))
        image: Tensor = self.last(x).sigmoid()
        return image


class Stage(nn.Module):
    """A doubling with what is added to it: a layer of stride 1, residual blocks, a shortcut."""

    def __init__(self, plan: GeneratorPlan, inputs: int, outputs: int) -> None:
        super().__init__()
        bias = not plan.norm
        parts = [plan.doubling(inputs, outputs, bias), *plan.finish(outputs)]
        if plan.duplicate:
            parts += [plan.keeping(outputs, outputs, bias), *plan.finish(outputs)]
        parts += [ResidualBlock(outputs, plan.norm) for _ in range(plan.blocks)]
        self.body = nn.Sequential(*parts)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if plan.skip == "all" else None

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, 2 H, 2 W)."""
        y_BCHW: Tensor = self.body(x_BCHW)
        return y_BCHW if self.shortcut is None else add_enlarged(y_BCHW, self.shortcut(x_BCHW))


class ResidualBlock(nn.Module):
    """``relu(x + conv(relu(conv(x))))``, 3x3, the same filters throughout (He 2016, figure 2).

    ``norm``: batch normalisation after each convolution.
    """

    def __init__(self, filters: int, norm: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(filters, filters, 3, padding=1, bias=not norm),
            *norm_relu(filters, norm),
            nn.Conv2d(filters, filters, 3, padding=1, bias=not norm),
            *([nn.BatchNorm2d(filters)] if norm else []),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape."""
        return functional.relu(x_BCHW + self.body(x_BCHW))


class TrainingNoise(nn.Module):
    """Gaussian noise of standard deviation ``sd`` in training mode only, as Keras's layer."""

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.sd = sd

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape."""
        return x_BCHW + self.sd * torch.randn_like(x_BCHW) if self.training else x_BCHW


def add_enlarged(x_BCHW: Tensor, small_BChw: Tensor) -> Tensor:
    """The sum of ``x`` and a smaller map, enlarged to its size (nearest)."""
    factor = x_BCHW.shape[-1] // small_BChw.shape[-1]
    return x_BCHW + functional.interpolate(small_BChw, scale_factor=factor)


@dataclass(frozen=True)
class DiscriminatorPlan:
    """The shape of the discriminator: ``width`` filters in the first layer, ``dense`` units."""

    size: int
    channels: int
    width: int
    dense: int
    stride: int = 2
    blocks: int = 0

    def discriminator(self) -> PlainDiscriminator:
        """Two convolutions, pooling, three convolutions, two dense layers, the logit."""
        filters = [self.width << level for level in range(5)]
        parts: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(pairwise([self.channels, *filters])):
            stride = 1 if level < 2 else self.stride
            parts += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU(inplace=True)]
            parts += [nn.MaxPool2d(2)] if level == 1 else []
            parts += [ResidualBlock(outputs) for _ in range(self.blocks if level > 1 else 0)]
        side = self.size // 2 // self.stride**3
        dense = dense_relu((filters[-1] * side**2, self.dense, self.dense))
        body = nn.Sequential(*parts, nn.Flatten(), *dense, nn.Linear(self.dense, 1))
        return PlainDiscriminator(body.apply(initialise_glorot))
