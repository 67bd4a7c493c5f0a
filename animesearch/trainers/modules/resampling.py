"""Doubling and halving with the filter [1, 3, 3, 1] (Karras 2019, 2020).

StyleGAN doubles by nearest neighbours and smooths with [1, 2, 1] after the convolution;
StyleGAN2 puts zeros between the pixels and smooths with [1, 3, 3, 1].  Since filters commute,
these are the same operation, but for the outermost pixels; likewise for halving.  So both use
the layers below.  Outside of an image there are zeros, as in Karras's code, except in
:func:`enlarge`.

Measured on one core (batch 32, 32 filters, 16 to 32 px, forward and backward): transposed
convolution and depthwise filter 12 ms, bilinear enlargement and a convolution at the full size
23 ms; the filter alone as a depthwise convolution 3.3 ms, as three poolings 7.3 ms.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.layers import ScaledConv

FILTER = (1.0, 3.0, 3.0, 1.0)


def enlarge(x_BCHW: Tensor) -> Tensor:
    """Twice the side with the filter; pixels at the edge are repeated outwards.

    That is what bilinear interpolation does.  A constant image stays constant.
    """
    return functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear")


class Smooth(nn.Module):
    """The filter, both ways; its weights sum to ``gain``.

    ``padding`` zeros on each side, so that n pixels become ``n + 2 * padding - 3``, and every
    ``stride``-th is taken.
    """

    kernel_11KK: Tensor

    def __init__(self, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding, self.stride = padding, stride
        taps = torch.tensor(FILTER)
        kernel_KK = torch.outer(taps, taps)
        kernel_KK *= gain / kernel_KK.sum()
        self.register_buffer("kernel_11KK", kernel_KK[None, None], persistent=False)

    def forward(self, x_BCHW: Tensor, bias_C: Tensor | None = None) -> Tensor:
        """The filtered images, with ``bias_C`` added."""
        channels = x_BCHW.shape[1]
        kernel = self.kernel_11KK.to(x_BCHW.dtype).expand(channels, -1, -1, -1)
        return functional.conv2d(x_BCHW, kernel, bias_C, self.stride, self.padding, groups=channels)


class UpConv(ScaledConv):
    """Twice the side: a transposed 3x3 convolution, then the filter; the bias comes last."""

    def __init__(self, inputs: int, outputs: int, gain: float, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 3, gain, bias)
        self.smooth = Smooth(padding=1, gain=4.0)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs, 2 H, 2 W)."""
        x = functional.conv_transpose2d(x_BCHW, self.scaled.transpose(0, 1), stride=2)
        smooth: Tensor = self.smooth(x, self.bias)
        return smooth


class DownConv(ScaledConv):
    """Half the side: the filter, then a 3x3 convolution with stride 2."""

    def __init__(self, inputs: int, outputs: int, gain: float) -> None:
        super().__init__(inputs, outputs, 3, gain)
        self.smooth = Smooth(padding=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs, H / 2, W / 2)."""
        return functional.conv2d(self.smooth(x_BCHW), self.scaled, self.bias, stride=2)
