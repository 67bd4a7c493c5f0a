"""A generator and a discriminator that grow by one doubling at a time (Karras 2018).

``doublings`` counts from the base size: the network at ``d`` doublings draws ``base * 2**d``
pixels a side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.growth import GrowthSchedule, Stage
from animesearch.trainers.modules.constraints import (
    limit_layers,
    refuse_contradiction,
    weighted_layers,
)
from animesearch.trainers.modules.layers import LayerMaker, MinibatchStdDev, PixelNorm
from animesearch.trainers.modules.networks import Discriminator, Generator


@dataclass(frozen=True)
class GrowingPlan:
    """The shape of a growing pair.

    ``filters[d]`` are the filters at ``d`` doublings, one entry more than there are doublings
    (D's from-RGB layer has the filters of the size above); the first stage has
    ``schedule.first`` doublings.
    """

    base: int
    channels: int
    latent_dim: int
    filters: tuple[int, ...]
    schedule: GrowthSchedule
    layers: LayerMaker
    limit: float

    @property
    def last(self) -> int:
        """Doublings of the full size."""
        return len(self.filters) - 2

    @property
    def size(self) -> int:
        """Side of the full image in pixels."""
        return self.base * 2**self.last


def two_convs(layers: LayerMaker, inputs: int, outputs: int, norm: bool) -> nn.Sequential:
    """Conv, LeakyReLU and where ``norm`` PixelNorm, twice; the size stays."""
    parts: list[nn.Module] = []
    for width in (inputs, outputs):
        parts += [layers.conv(width, outputs, 3), nn.LeakyReLU(0.2)]
        parts += [PixelNorm()] if norm else []
    return nn.Sequential(*parts)


def blend(low_BCHW: Tensor, high_BCHW: Tensor, stage: Stage) -> Tensor:
    """Images while a stage fades in: those of half the side, enlarged, and those of the stage."""
    return torch.lerp(functional.interpolate(low_BCHW, scale_factor=2), high_BCHW, stage.alpha)


class GrowingGenerator(Generator):
    """Dense to ``base`` x ``base``, then (upsample, two convolutions) per doubling.

    Each stage ends in its own 1x1 to-RGB layer and a tanh, before the blend of the fade.
    """

    def __init__(self, plan: GrowingPlan) -> None:
        super().__init__(plan.latent_dim, plan.size)
        self.plan = plan
        self.stage = plan.schedule.final
        f, layers = plan.filters, plan.layers
        # A gain below the usual one: the first layer of PGGAN is scaled down by 4 as well.
        units = f[0] * plan.base**2
        self.dense = nn.Sequential(
            PixelNorm(),
            layers.dense(plan.latent_dim, units, gain=math.sqrt(2) / 4),
            nn.LeakyReLU(0.2),
            PixelNorm(),
            nn.Unflatten(1, (f[0], plan.base, plan.base)),
        )
        self.first = two_convs(layers, f[0], f[0], norm=True)
        self.blocks = nn.ModuleDict(
            {str(d): two_convs(layers, f[d - 1], f[d], norm=True) for d in range(1, plan.last + 1)}
        )
        stages = range(plan.schedule.first, plan.last + 1)
        self.to_rgb = nn.ModuleDict(
            {str(d): layers.conv(f[d], plan.channels, 1, gain=1.0) for d in stages}
        )
        self._constrained = [] if layers.equalised else weighted_layers(self)

    def set_progress(self, images: int, budget: int) -> None:
        """Stage and fade of ``images`` of ``budget``."""
        self.stage = self.plan.schedule.at(images, budget)

    def constrain(self) -> None:
        """Max-norm on every layer, where the learning rate is not equalised."""
        refuse_contradiction(self._constrained, self.plan.limit)
        limit_layers(self._constrained, self.plan.limit)

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Images of the current stage, in [-1, 1]."""
        x = before = self.first(self.dense(z_BZ))
        for d in range(1, self.stage.doublings + 1):
            before = x
            x = self.blocks[str(d)](functional.interpolate(x, scale_factor=2))
        image: Tensor = self.to_rgb[str(self.stage.doublings)](x).tanh()
        if not self.stage.fading:
            return image
        low = self.to_rgb[str(self.stage.doublings - 1)](before).tanh()
        return blend(low, image, self.stage)


class GrowingCritic(Discriminator):
    """Base of growing discriminators: from-RGB, blocks down to ``base`` px, ``final``, ``head``.

    ``fade``: the new stage fades in here too and reals are blended likewise (Karras 2018);
    otherwise D takes a new stage at once, as in seed 004.  Subclasses make the layers: keys are
    doublings, and block ``d`` halves the size.
    """

    from_rgb: nn.ModuleDict
    blocks: nn.ModuleDict
    final: nn.Module
    head: nn.Module

    def __init__(self, schedule: GrowthSchedule, fade: bool) -> None:
        super().__init__()
        self.schedule, self.fade = schedule, fade
        self.stage = schedule.final

    def set_progress(self, images: int, budget: int) -> None:
        """Stage and fade of ``images`` of ``budget``; without ``fade`` a new stage is whole."""
        stage = self.schedule.at(images, budget)
        self.stage = stage if self.fade else Stage(stage.doublings, 1.0)

    def real_view(self, x_BCHW: Tensor) -> Tensor:
        """Reals pooled to the stage's size; blended with the size below while fading."""
        factor = 2 ** (self.schedule.last - self.stage.doublings)
        x = x_BCHW if factor == 1 else functional.avg_pool2d(x_BCHW, factor)
        return blend(functional.avg_pool2d(x, 2), x, self.stage) if self.stage.fading else x

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Raw logits (B,) of images of the current stage's size."""
        top = self.stage.doublings
        x = self.from_rgb[str(top)](x_BCHW)
        for d in range(top, 0, -1):
            x = self.blocks[str(d)](x)
            if d == top and self.stage.fading:
                low = self.from_rgb[str(top - 1)](functional.avg_pool2d(x_BCHW, 2))
                x = torch.lerp(low, x, self.stage.alpha)
        logits: Tensor = self.head(self.final(x))
        return logits.flatten()


class GrowingDiscriminator(GrowingCritic):
    """(Two convolutions, average pooling) per doubling, then minibatch deviation, dense 1."""

    def __init__(self, plan: GrowingPlan, fade: bool) -> None:
        super().__init__(plan.schedule, fade)
        self.plan = plan
        f, layers = plan.filters, plan.layers
        stages = range(plan.schedule.first, plan.last + 1)
        self.from_rgb = nn.ModuleDict(
            {
                str(d): nn.Sequential(layers.conv(plan.channels, f[d + 1], 1), nn.LeakyReLU(0.2))
                for d in stages
            }
        )
        self.blocks = nn.ModuleDict(
            {
                str(d): two_convs(layers, f[d + 1], f[d], norm=False).append(nn.AvgPool2d(2))
                for d in range(1, plan.last + 1)
            }
        )
        self.final = nn.Sequential(
            MinibatchStdDev(), *two_convs(layers, f[1] + 1, f[0], norm=False), nn.Flatten()
        )
        self._constrained = [] if layers.equalised else weighted_layers(self)
        self.head = layers.dense(f[0] * plan.base**2, 1, gain=1.0)

    def constrain(self) -> None:
        """Max-norm on every layer but the last, where the learning rate is not equalised."""
        refuse_contradiction(self._constrained, self.plan.limit)
        limit_layers(self._constrained, self.plan.limit)
