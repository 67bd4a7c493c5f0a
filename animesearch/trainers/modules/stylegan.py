"""StyleGAN's generator and discriminator (Karras 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from animesearch.trainers.growth import GrowthSchedule
from animesearch.trainers.modules.growing import GrowingCritic, blend
from animesearch.trainers.modules.layers import ScaledConv, ScaledLinear
from animesearch.trainers.modules.resampling import DownConv, UpConv
from animesearch.trainers.modules.style import (
    GAIN,
    SLOPE,
    MixingGenerator,
    NoiseInput,
    StylePlan,
    last_layers,
    leaky,
)

EPSILON = 1e-8


def adain(x_BCHW: Tensor, scale_BC: Tensor, shift_BC: Tensor) -> Tensor:
    """Adaptive instance normalisation (Karras 2019, equation 1).

    Each feature map gets the standard deviation ``scale_BC`` (times its sign) and the mean
    ``shift_BC``; a constant map becomes the shift.
    """
    variance, mean = torch.var_mean(x_BCHW, (2, 3), correction=0, keepdim=True)
    scale = scale_BC[:, :, None, None] * (variance + EPSILON).rsqrt()
    return (x_BCHW * scale).add_(shift_BC[:, :, None, None] - mean * scale)


class StyledLayer(nn.Module):
    """What follows a convolution: noise, LeakyReLU, and AdaIN by a dense layer of w.

    The scale is 1 plus that layer's output, as in the official code.
    """

    def __init__(self, style_dim: int, filters: int, size: int) -> None:
        super().__init__()
        self.noise = NoiseInput(size, filters)
        self.affine = ScaledLinear(style_dim, 2 * filters, gain=1.0)

    def forward(self, x_BCHW: Tensor, w_BW: Tensor) -> Tensor:
        """Features with the style ``w_BW``."""
        scale_BC, shift_BC = self.affine(w_BW).chunk(2, 1)
        return adain(leaky(self.noise(x_BCHW)), scale_BC + 1, shift_BC)


class StyleGanGenerator(MixingGenerator):
    """A learnt constant of 4x4, and two layers per size; a 1x1 to-RGB layer per stage.

    The constant begins as N(0, 1), as in StyleGAN2: of one that is 1 everywhere, as in the official
    code, the first AdaIN would leave nothing but rounding, with gradients 10,000 times as large.
    It has no bias, which the official code adds to it.
    """

    def __init__(self, plan: StylePlan, schedule: GrowthSchedule) -> None:
        super().__init__(plan)
        self.schedule, self.stage = schedule, schedule.final
        f, doublings = plan.filters, range(1, plan.last + 1)
        self.constant = nn.Parameter(torch.randn(1, f[0], 4, 4))
        self.grow = nn.ModuleDict({str(d): UpConv(f[d - 1], f[d], GAIN) for d in doublings})
        self.keep = nn.ModuleDict(
            {str(d): ScaledConv(f[d], f[d], 3, GAIN) for d in range(plan.last + 1)}
        )
        self.styled = nn.ModuleList(
            StyledLayer(plan.style_dim, f[number // 2], 4 << number // 2)
            for number in range(self.layers)
        )
        self.to_rgb = nn.ModuleDict(
            {str(d): ScaledConv(f[d], plan.channels, 1, gain=1.0) for d in schedule.doublings}
        )

    @property
    def active(self) -> int:
        """Two styles per size."""
        return 2 * self.stage.doublings + 2

    def set_progress(self, images: int, budget: int) -> None:
        """Stage and fade of ``images`` of ``budget``."""
        self.stage = self.schedule.at(images, budget)

    def linear(self, w_BLW: Tensor) -> Tensor:
        """Images of the current stage, which uses the first :attr:`active` styles."""
        top = self.stage.doublings
        x = self.constant.expand(len(w_BLW), -1, -1, -1)
        for d in range(top + 1):
            before = x
            if d > 0:
                x = self.grow[str(d)](x)
            x = self.styled[2 * d](x, w_BLW[:, 2 * d])
            x = self.styled[2 * d + 1](self.keep[str(d)](x), w_BLW[:, 2 * d + 1])
        image: Tensor = self.to_rgb[str(top)](x)
        if not self.stage.fading:
            return image
        return blend(self.to_rgb[str(top - 1)](before), image, self.stage)


class StyleGanDiscriminator(GrowingCritic):
    """Karras 2018's discriminator, halving with the smoothing filter; two layers per size."""

    def __init__(self, plan: StylePlan, schedule: GrowthSchedule, group: int) -> None:
        super().__init__(schedule, fade=True)
        f = plan.filters
        self.from_rgb = nn.ModuleDict(
            {
                str(d): nn.Sequential(
                    ScaledConv(plan.channels, f[d], 1, GAIN), nn.LeakyReLU(SLOPE, inplace=True)
                )
                for d in schedule.doublings
            }
        )
        self.blocks = nn.ModuleDict(
            {str(d): halving(f[d], f[d - 1]) for d in range(1, plan.last + 1)}
        )
        self.final = last_layers(f[0], group)
        self.head = ScaledLinear(f[0], 1, gain=1.0)


def halving(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution, then one that halves the side; LeakyReLU after each."""
    return nn.Sequential(
        ScaledConv(inputs, inputs, 3, GAIN),
        nn.LeakyReLU(SLOPE, inplace=True),
        DownConv(inputs, outputs, GAIN),
        nn.LeakyReLU(SLOPE, inplace=True),
    )
