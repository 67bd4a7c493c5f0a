"""Generator and discriminator of FastGAN (Liu 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.networks import Discriminator, Generator


@dataclass(frozen=True)
class FastganPlan:
    """The shape of a pair.

    ``generator`` and ``discriminator`` are filters by the side of the feature map in pixels: G's
    from 4 to ``size``, D's from ``size`` to 8.  ``skips`` are the pairs of sides of G's
    skip-layer excitations.  ``reconstruction`` is the weight of D's own loss; 0 builds no
    decoders.
    """

    size: int
    channels: int
    latent_dim: int
    generator: dict[int, int]
    discriminator: dict[int, int]
    decoder: dict[int, int]
    skips: tuple[tuple[int, int], ...]
    reconstruction: float


class FixedNoise(nn.Module):
    """x plus noise of one channel, times a learned scalar that begins at 0.

    Fresh normals for each image in training; in evaluation mode one fixed map, a buffer.
    """

    noise_11HW: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_11HW", torch.randn(1, 1, side, side))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape."""
        noise = torch.randn_like(x_BCHW[:, :1]) if self.training else self.noise_11HW
        return x_BCHW + self.strength * noise


class SkipExcitation(nn.Module):
    """Skip-layer excitation: a gate in (0, 1) per channel of a large map, from a small one.

    Equation 1 of the paper, ``y = F(x_low) x_high``, where F is average pooling to 4x4, a 4x4
    convolution to 1x1, an activation, a 1x1 convolution and a sigmoid.  The activation is the
    code's swish; the paper says LeakyReLU.
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(low, high, 4, bias=False),
            nn.SiLU(),
            nn.Conv2d(high, high, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, low_BCHW: Tensor, high_BCHW: Tensor) -> Tensor:
        """(B, low, h, w) and (B, high, H, W) to (B, high, H, W)."""
        gate_BC11: Tensor = self.gate(low_BCHW)
        return high_BCHW * gate_BC11


def gated_conv(inputs: int, outputs: int, side: int | None = None) -> list[nn.Module]:
    """3x3 convolution to twice ``outputs``, noise where a ``side`` is given, norm, GLU."""
    noise = [] if side is None else [FixedNoise(side)]
    conv = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
    return [conv, *noise, nn.BatchNorm2d(2 * outputs), nn.GLU(1)]


def up_block(inputs: int, outputs: int, side: int, noisy: bool) -> nn.Sequential:
    """Nearest upsampling to ``side`` and a gated convolution; ``noisy``: two, with noise."""
    if not noisy:
        return nn.Sequential(nn.Upsample(scale_factor=2), *gated_conv(inputs, outputs))
    first, second = gated_conv(inputs, outputs, side), gated_conv(outputs, outputs, side)
    return nn.Sequential(nn.Upsample(scale_factor=2), *first, *second)


class FastganGenerator(Generator):
    """Transposed convolution to 4x4, an up-block per doubling, skip-layer excitations, tanh.

    Up-blocks are alternately of two noisy convolutions (8, 32, 128 px) and of one.
    """

    def __init__(self, plan: FastganPlan) -> None:
        super().__init__(plan.latent_dim, plan.size)
        filters = plan.generator
        self.first = nn.Sequential(
            nn.ConvTranspose2d(plan.latent_dim, 2 * filters[4], 4, bias=False),
            nn.BatchNorm2d(2 * filters[4]),
            nn.GLU(1),
        )
        self.blocks = nn.ModuleDict(
            {
                str(side): up_block(filters[before], filters[side], side, noisy=number % 2 == 0)
                for number, (before, side) in enumerate(pairwise(filters))
            }
        )
        self.low = {high: low for low, high in plan.skips}
        self.skips = nn.ModuleDict(
            {str(high): SkipExcitation(filters[low], filters[high]) for low, high in plan.skips}
        )
        self.to_rgb = nn.Conv2d(filters[plan.size], plan.channels, 3, padding=1, bias=False)

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Images (B, C, H, W) in [-1, 1]."""
        x = self.first(z_BZ[:, :, None, None])
        maps = {4: x}
        for name, block in self.blocks.items():
            side = int(name)
            x = block(x)
            if side in self.low:
                x = self.skips[name](maps[self.low[side]], x)
            maps[side] = x
        image: Tensor = self.to_rgb(x).tanh()
        return image


class DownBlock(nn.Module):
    """Mean of two ways to half the size: two convolutions, and pooling with a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.direct = nn.Sequential(
            nn.AvgPool2d(2),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2, inplace=True),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / 2, W / 2)."""
        return (self.main(x_BCHW) + self.direct(x_BCHW)) / 2


def decoder(inputs: int, filters: dict[int, int], side: int, channels: int) -> nn.Sequential:
    """From 8x8 features to images of ``side`` pixels, in [-1, 1]."""
    widths = [inputs] + [width for pixels, width in filters.items() if pixels <= side]
    parts: list[nn.Module] = []
    for before, width in pairwise(widths):
        parts += [nn.Upsample(scale_factor=2), *gated_conv(before, width)]
    last = nn.Conv2d(widths[-1], channels, 3, padding=1, bias=False)
    return nn.Sequential(*parts, last, nn.Tanh())


class FastganDiscriminator(Discriminator):
    """Residual halvings to 8x8, a head of 5x5 logits, and two decoders for reals.

    The logit of an image is the mean of its 25 logits.
    """

    def __init__(self, plan: FastganPlan) -> None:
        super().__init__()
        filters = plan.discriminator
        self.weight = plan.reconstruction
        self.from_rgb = nn.Sequential(
            nn.Conv2d(plan.channels, filters[plan.size], 3, padding=1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        )
        blocks = [DownBlock(filters[before], filters[side]) for before, side in pairwise(filters)]
        self.to_16, self.to_8 = nn.Sequential(*blocks[:-1]), blocks[-1]
        last = filters[8]
        self.head = nn.Sequential(
            nn.Conv2d(last, 2 * last, 1, bias=False),
            nn.BatchNorm2d(2 * last),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * last, 1, 4, bias=False),
        )
        if self.weight > 0:
            whole, part = min(plan.size, 128), min(plan.size // 2, 128)
            self.whole = decoder(last, plan.decoder, whole, plan.channels)
            self.part = decoder(filters[16], plan.decoder, part, plan.channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Raw logits (B,)."""
        logits_B155 = self.head(self.to_8(self.to_16(self.from_rgb(x_BCHW))))
        logits_B: Tensor = logits_B155.mean((1, 2, 3))
        return logits_B

    def own_loss(self, x_real_BCHW: Tensor) -> Tensor | None:
        """The weighted error of both reconstructions of the reals; None without decoders."""
        if self.weight == 0:
            return None
        return self.weight * self.reconstruction_error(x_real_BCHW)

    def reconstruction_error(self, x_BCHW: Tensor) -> Tensor:
        """From the 8x8 map the image, from a quarter of the 16x16 map that of the image.

        Section 3.2 of the paper.  One of the four quarters is drawn for the whole batch.
        """
        map_16 = self.to_16(self.from_rgb(x_BCHW))
        # Of no dimension: one quarter for all images, whichever process has them.
        down, right = (int(torch.randint(2, ())) for _ in range(2))
        whole = self.whole(self.to_8(map_16))
        part = self.part(quarter(map_16, down, right))
        return image_distance(whole, x_BCHW) + image_distance(part, quarter(x_BCHW, down, right))


def quarter(x_BCHW: Tensor, down: int, right: int) -> Tensor:
    """One of the four quarters: ``down`` and ``right`` are 0 or 1."""
    side = x_BCHW.shape[-1] // 2
    return x_BCHW[:, :, down * side : (down + 1) * side, right * side : (right + 1) * side]


def image_distance(x_BCHW: Tensor, target_BCHW: Tensor) -> Tensor:
    """Mean absolute error, plus the mean squared errors at full, half and quarter size.

    The target is pooled to the size of x.  It stands for the paper's perceptual distance.
    """
    target = functional.adaptive_avg_pool2d(target_BCHW, x_BCHW.shape[-1])
    error = x_BCHW - target
    total = error.abs().mean()
    for factor in (1, 2, 4):
        total = total + functional.avg_pool2d(error, factor).square().mean()
    return total


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), those of batch norm from N(1, 0.02), as in the authors' code."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
