"""Plain stacks of convolutions: the DCGAN family, and layers that count as Keras does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.networks import Networks, PlainDiscriminator, PlainGenerator

N = TypeVar("N", nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class DcganPlan:
    """A DCGAN (Radford 2016): kernel 4, stride 2, one convolution per doubling from 4 px.

    ``size`` is a power of two of at least 8 px.  Filters halve from ``width * size / 8`` at 4 px
    to ``width`` next to the image.  ``slope_g``, ``slope_d`` are the slopes of the rectifiers
    below 0 (0: ReLU).  ``first_norm`` gives D's first layer batch norm as well, without
    ``d_norm`` D has none at all (and biases in its place).  ``normal`` draws weights from
    N(0, 0.02) and those of batch norm from N(1, 0.02), otherwise they are PyTorch's.
    """

    size: int
    channels: int
    latent: int
    width: int
    slope_g: float = 0.0
    slope_d: float = 0.2
    first_norm: bool = False
    d_norm: bool = True
    normal: bool = True

    @property
    def widths(self) -> list[int]:
        """Filters from the layer next to the image to that of 4 px."""
        return [self.width << level for level in range(self.size.bit_length() - 3)]

    def networks(self) -> Networks:
        """Both networks, from torch's current random state."""
        generator, discriminator = _dcgan_generator(self), _dcgan_discriminator(self)
        if self.normal:
            generator.apply(initialise_normal)
            discriminator.apply(initialise_normal)
        return Networks(
            PlainGenerator(generator, self.latent, self.size), PlainDiscriminator(discriminator)
        )


def _dcgan_generator(plan: DcganPlan) -> nn.Sequential:
    widths = [plan.latent, *reversed(plan.widths)]
    parts: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        stride, padding = (1, 0) if level == 0 else (2, 1)
        parts += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
            nn.BatchNorm2d(outputs),
            rectifier(plan.slope_g),
        ]
    last = nn.ConvTranspose2d(widths[-1], plan.channels, 4, 2, 1, bias=False)
    return nn.Sequential(*parts, last, nn.Tanh())


def _dcgan_discriminator(plan: DcganPlan) -> nn.Sequential:
    widths = [plan.channels, *plan.widths]
    parts: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        parts.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not plan.d_norm))
        normed = plan.d_norm and (level > 0 or plan.first_norm)
        parts += [nn.BatchNorm2d(outputs)] if normed else []
        parts.append(rectifier(plan.slope_d))
    return nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, bias=False))


def rectifier(slope: float) -> nn.Module:
    """LeakyReLU with ``slope`` below 0, or ReLU where that is 0; in place."""
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def initialise_normal(module: nn.Module) -> None:
    """Weights from N(0, 0.02) (Radford 2016), batch norm's from N(1, 0.02) and 0; for ``apply``."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def initialise_glorot(module: nn.Module) -> None:
    """Glorot-uniform weights and biases of 0, Keras's defaults; for ``apply``."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def keras_norm(kind: type[N], features: int, momentum: float) -> N:
    """Batch norm with Keras's epsilon; ``momentum`` is the share kept, 1 less PyTorch's."""
    return kind(features, eps=1e-3, momentum=1 - momentum)


def keras_networks(
    generator: nn.Module, discriminator: nn.Module, latent: int, size: int
) -> Networks:
    """The two bodies as networks, with Keras's initial weights."""
    generator.apply(initialise_glorot)
    discriminator.apply(initialise_glorot)
    return Networks(PlainGenerator(generator, latent, size), PlainDiscriminator(discriminator))


class HalvingConv2d(nn.Conv2d):
    """Kernel 5 and stride 2 with Keras's padding ``same``: an even side becomes its half.

    Keras pads one row before the image and two after it, PyTorch's ``padding=2`` two and one.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 5, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / 2, W / 2)."""
        return super().forward(functional.pad(x_BCHW, (1, 2, 1, 2)))


class DoublingConv2d(nn.ConvTranspose2d):
    """The transpose of :class:`HalvingConv2d`, as Keras's ``Conv2DTranspose``; no bias.

    Of the 2 H + 3 rows that a kernel of 5 reaches, the first and the last two are cut off.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 5, stride=2, padding=1, bias=False)

    def forward(self, x_BCHW: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002
        """(B, C, H, W) to (B, C', 2 H, 2 W)."""
        # A negative padding copies, and batch norm's backward is slow on a cut-out view.
        return functional.pad(super().forward(x_BCHW), (0, -1, 0, -1))
