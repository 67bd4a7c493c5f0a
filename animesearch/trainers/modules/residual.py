"""Residual blocks of SNGAN (Miyato 2018, figure 8), and class-conditional normalisation."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

L = TypeVar("L", nn.Conv2d, nn.Linear, nn.Embedding)


class ClassBatchNorm(nn.Module):
    """Batch normalisation with a gain and a bias per class (Dumoulin 2017; de Vries 2017).

    With ``classes`` of 0 it is plain batch normalisation, and labels are not looked at.  Gains
    begin at 1, biases at 0; they are tables (``classes`` x channels) and not embedding layers,
    since spectral normalisation is not for them.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.norm = nn.BatchNorm2d(channels, affine=classes == 0)
        if classes:
            self.gain_KC = nn.Parameter(torch.ones(classes, channels))
            self.bias_KC = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None) -> Tensor:
        """The normalised batch; ``y_B`` (int64) are labels."""
        normal_BCHW: Tensor = self.norm(x_BCHW)
        if not self.classes:
            return normal_BCHW
        gain_BC11, bias_BC11 = (
            table_KC[y_B][:, :, None, None] for table_KC in (self.gain_KC, self.bias_KC)
        )
        return normal_BCHW * gain_BC11 + bias_BC11


class UpBlock(nn.Module):
    """(norm, ReLU, doubling, conv 3x3), (norm, ReLU, conv 3x3), plus a doubled 1x1 shortcut.

    Doubling is nearest upsampling.
    """

    def __init__(self, inputs: int, outputs: int, classes: int) -> None:
        super().__init__()
        self.norm1 = ClassBatchNorm(inputs, classes)
        self.conv1 = residual_conv(inputs, outputs)
        self.norm2 = ClassBatchNorm(outputs, classes)
        self.conv2 = residual_conv(outputs, outputs)
        self.shortcut = glorot(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, 2 H, 2 W)."""
        h = self.conv1(double(self.norm1(x_BCHW, y_B).relu()))
        h = self.conv2(self.norm2(h, y_B).relu())
        # A 1x1 convolution before the doubling gives what it gives after, at a quarter of the cost.
        return h + double(self.shortcut(x_BCHW))


class DownBlock(nn.Module):
    """(ReLU, conv 3x3) twice, then average pooling with ``down``; plus a 1x1 shortcut.

    The block next to the image (``first``) has no ReLU before its first convolution.  A block
    that keeps size and width has the identity as its shortcut.
    """

    def __init__(self, inputs: int, outputs: int, *, down: bool = True, first: bool = False):
        super().__init__()
        self.down, self.first = down, first
        hidden = outputs if first else inputs
        self.conv1 = residual_conv(inputs, hidden)
        self.conv2 = residual_conv(hidden, outputs)
        plain = inputs == outputs and not down
        self.shortcut = nn.Identity() if plain else glorot(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W), or half of both sides."""
        h = self.conv1(x_BCHW if self.first else x_BCHW.relu()).relu()
        h = self._pool(self.conv2(h))
        # Pooling and a 1x1 convolution commute, as above.
        shortcut: Tensor = self.shortcut(self._pool(x_BCHW))
        return h + shortcut

    def _pool(self, x_BCHW: Tensor) -> Tensor:
        return functional.avg_pool2d(x_BCHW, 2) if self.down else x_BCHW


def double(x_BCHW: Tensor) -> Tensor:
    """Nearest upsampling by two."""
    return functional.interpolate(x_BCHW, scale_factor=2)


def residual_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, initialised for a ReLU before it."""
    return glorot(nn.Conv2d(inputs, outputs, 3, padding=1), math.sqrt(2))


def glorot(layer: L, gain: float = 1.0) -> L:
    """Uniform weights of variance ``2 gain^2 / (fan in + fan out)`` (Glorot 2010), no bias."""
    nn.init.xavier_uniform_(layer.weight, gain)
    bias = getattr(layer, "bias", None)
    if bias is not None:
        nn.init.zeros_(bias)
    return layer
