"""StyleGAN2's generator and discriminator (Karras 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from animesearch.trainers.modules.batchwide import average, leading
from animesearch.trainers.modules.layers import ScaledConv, ScaledLinear
from animesearch.trainers.modules.networks import Discriminator
from animesearch.trainers.modules.resampling import DownConv, Smooth, UpConv, enlarge
from animesearch.trainers.modules.style import (
    GAIN,
    SLOPE,
    MixingGenerator,
    NoiseInput,
    StylePlan,
    embedded,
    last_layers,
    leaky,
)

EPSILON = 1e-8
PATH_DECAY = 0.01
"""Share by which the mean path length moves at each use (Karras 2020, appendix B)."""


@dataclass(frozen=True)
class PathOptions:
    """Path length regularisation: its weight (0: off), every how many steps, on which share.

    It sees ``1 / shrink`` of the batch.
    """

    weight: float
    every: int
    shrink: int


def path_lengths(x_BCHW: Tensor, w_BLW: Tensor) -> Tensor:
    """|J^T y| of each image (B,), for random images y (Karras 2020, equation 4).

    y is N(0, 1 / pixels); squares are averaged over the layers, as in the official code.  The
    result can be differentiated.
    """
    y_BCHW = torch.randn_like(x_BCHW) / math.sqrt(x_BCHW[0, 0].numel())
    (gradient_BLW,) = torch.autograd.grad((x_BCHW * y_BCHW).sum(), w_BLW, create_graph=True)
    return (gradient_BLW.square().sum(2).mean(1) + EPSILON).sqrt()


def path_penalty(lengths_B: Tensor, mean: Tensor) -> Tensor:
    """Mean squared distance of the lengths from ``mean``, a scalar that moves towards them.

    Changes ``mean`` in place, by :data:`PATH_DECAY`, before it is used.
    """
    mean.lerp_(average(lengths_B.detach().mean()).to(mean.dtype), PATH_DECAY)
    return (lengths_B - mean).square().mean()


class ModulatedConv(nn.Module):
    """A convolution whose weights a style scales (Karras 2020, equations 1 and 3).

    The style scales the inputs, and the demodulation the outputs, instead of weights of each
    image's own: the same numbers, since both factor out of the convolution.  Measured on one core
    with a batch of 32, forward and backward, against a grouped convolution: 27 ms for 37 with 32
    filters at 32 px, 19 for 32 with 64 filters at 16 px; where the side doubles 47 for 94 and 30
    for 62.
    """

    def __init__(self, conv: ScaledConv, style_dim: int) -> None:
        super().__init__()
        self.conv = conv
        self.affine = ScaledLinear(style_dim, conv.in_channels, gain=1.0, start=1.0)

    def forward(self, x_BCHW: Tensor, w_BW: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs before demodulation, and what :meth:`demodulation` multiplies them by."""
        s_BI = self.affine(w_BW)
        return self.conv(x_BCHW * s_BI[:, :, None, None]), s_BI

    def demodulation(self, s_BI: Tensor) -> Tensor:
        """One over the norm of each image's and output's modulated weights (B, outputs)."""
        power_OI = self.conv.scaled.square().sum((2, 3))
        return (s_BI.square() @ power_OI.T + EPSILON).rsqrt()


class StyledConv(nn.Module):
    """A modulated convolution with demodulation; then noise, bias and LeakyReLU (figure 2d).

    The LeakyReLU's gain of sqrt(2) stands before it, in numbers per feature instead of pixel.
    """

    def __init__(self, conv: ScaledConv, style_dim: int, size: int) -> None:
        super().__init__()
        self.modulated = ModulatedConv(conv, style_dim)
        self.noise = NoiseInput(size)
        self.bias = nn.Parameter(torch.zeros(1, conv.out_channels, 1, 1))

    def forward(self, x_BCHW: Tensor, w_BW: Tensor) -> Tensor:
        """Features with the style ``w_BW``."""
        x, s_BI = self.modulated(x_BCHW, w_BW)
        factor_BO = self.modulated.demodulation(s_BI) * GAIN
        x = (x * factor_BO[:, :, None, None]).add_(self.bias * GAIN)
        return leaky(self.noise(x, GAIN))


class ToRgb(nn.Module):
    """A 1x1 modulated convolution to an image, without demodulation."""

    def __init__(self, inputs: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.modulated = ModulatedConv(ScaledConv(inputs, channels, 1, gain=1.0), style_dim)

    def forward(self, x_BCHW: Tensor, w_BW: Tensor) -> Tensor:
        """A share of the image."""
        x, _ = self.modulated(x_BCHW, w_BW)
        return x


class StyleGan2Generator(MixingGenerator):
    """A learnt constant of 4x4, two layers per doubling; images of all sizes are summed (skip).

    A to-RGB layer has the style of the next size's first layer, so that a network of ``d``
    doublings takes ``2 d + 2``.
    """

    mean_length: Tensor

    def __init__(self, plan: StylePlan, path: PathOptions) -> None:
        super().__init__(plan)
        self.path = path
        f, width, doublings = plan.filters, plan.style_dim, range(1, plan.last + 1)
        self.constant = nn.Parameter(torch.randn(1, f[0], 4, 4))
        self.grow = nn.ModuleDict(
            {
                str(d): StyledConv(UpConv(f[d - 1], f[d], gain=1.0, bias=False), width, 4 << d)
                for d in doublings
            }
        )
        self.keep = nn.ModuleDict(
            {
                str(d): StyledConv(ScaledConv(f[d], f[d], 3, gain=1.0, bias=False), width, 4 << d)
                for d in range(plan.last + 1)
            }
        )
        self.to_rgb = nn.ModuleDict(
            {str(d): ToRgb(f[d], plan.channels, width) for d in range(plan.last + 1)}
        )
        self.register_buffer("mean_length", torch.zeros(()))

    @property
    def active(self) -> int:
        """All styles."""
        return self.layers

    def linear(self, w_BLW: Tensor) -> Tensor:
        """Images of the full size, their range unlimited."""
        x = self.constant.expand(len(w_BLW), -1, -1, -1)
        x = self.keep["0"](x, w_BLW[:, 0])
        image: Tensor = self.to_rgb["0"](x, w_BLW[:, 1])
        for d in range(1, self.plan.last + 1):
            x = self.grow[str(d)](x, w_BLW[:, 2 * d - 1])
            x = self.keep[str(d)](x, w_BLW[:, 2 * d])
            image = enlarge(image) + self.to_rgb[str(d)](x, w_BLW[:, 2 * d + 1])
        return image

    def own_loss(self, batch: int, iteration: int, y_B: Tensor | None = None) -> Tensor | None:
        """Path length regularisation, on fresh latents; None at steps without it.

        Weighted by the steps between two uses as well (lazy regularisation, Karras 2020).
        """
        path = self.path
        if path.weight == 0 or iteration % path.every:
            return None
        count = max(1, batch // path.shrink)
        y_B = None if y_B is None else leading(y_B, count)
        z_BZ = torch.randn(count, self.latent_dim, device=self.mean_W.device)
        w_BLW = self.mixed(self.mapping(z_BZ, y_B), y_B)
        lengths_B = path_lengths(self.linear(w_BLW), w_BLW)
        return path_penalty(lengths_B, self.mean_length) * (path.weight * path.every)


class ResidualHalving(nn.Module):
    """Two 3x3 convolutions, the second halving the side, beside a 1x1 one; over sqrt(2).

    That divisor stands in the gains of both branches.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.keep = ScaledConv(inputs, inputs, 3, GAIN)
        self.down = DownConv(inputs, outputs, GAIN / math.sqrt(2))
        self.smooth = Smooth(padding=1, stride=2)
        self.skip = ScaledConv(inputs, outputs, 1, 1 / math.sqrt(2), bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / 2, W / 2)."""
        skipped: Tensor = self.skip(self.smooth(x_BCHW))
        return skipped + leaky(self.down(leaky(self.keep(x_BCHW))))


class StyleGan2Discriminator(Discriminator):
    """Residual blocks down to 4 px, minibatch deviation, a convolution and two dense layers.

    With classes the logit has one more term, the scalar product of the last features and an
    embedding of the class (Miyato and Koyama 2018), over the root of their number.
    """

    def __init__(self, plan: StylePlan, group: int) -> None:
        super().__init__()
        f = plan.filters
        self.from_rgb = nn.Sequential(
            ScaledConv(plan.channels, f[-1], 1, GAIN), nn.LeakyReLU(SLOPE, inplace=True)
        )
        self.blocks = nn.Sequential(
            *(ResidualHalving(f[d], f[d - 1]) for d in range(plan.last, 0, -1))
        )
        self.final = last_layers(f[0], group)
        self.embedding = nn.Embedding(plan.classes, f[0]) if plan.classes else None
        self.head = ScaledLinear(f[0], 1, gain=1.0)

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Raw logits (B,)."""
        features_BC = self.final(self.blocks(self.from_rgb(x_BCHW)))
        logits_B: Tensor = self.head(features_BC).flatten()
        if self.embedding is None:
            return logits_B
        product_BC = features_BC * embedded(self.embedding, y_B)
        return logits_B + product_BC.sum(1) / math.sqrt(product_BC.shape[1])
