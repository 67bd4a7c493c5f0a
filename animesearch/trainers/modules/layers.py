"""Layers of growing and of style networks (Karras 2018), and weight scaling of two kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.batchwide import own, whole

L = TypeVar("L", nn.Conv2d, nn.Linear)


class PixelNorm(nn.Module):
    """Divide by the root mean square over channels (Karras 2018, section 4.2; epsilon 1e-8)."""

    def forward(self, x_BC: Tensor) -> Tensor:
        """Any shape with channels in dimension 1; the same shape."""
        return x_BC * x_BC.square().mean(1, keepdim=True).add(1e-8).rsqrt()


class MinibatchStdDev(nn.Module):
    """Append one channel: the mean standard deviation over the batch (Karras 2018, section 3).

    The deviation of each feature at each place is taken over the whole batch, as in seed 004, or
    over ``group`` neighbours in it (Karras's code: 4).  Where the group does not divide the batch
    its parts differ by one image at most.  One image alone has no deviation: the channel is then
    the same for all, and tells nothing.
    """

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self.group = group

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + 1, H, W)."""
        batch, _, height, width = x_BCHW.shape
        if self.group is not None and batch % self.group == 0:
            spread_B111 = self._spreads(x_BCHW)  # no group reaches beyond these rows
        else:
            spread_B111 = own(self._spreads(whole(x_BCHW)))
        return torch.cat([x_BCHW, spread_B111.expand(batch, 1, height, width)], 1)

    def _spreads(self, x_BCHW: Tensor) -> Tensor:
        """For each image that of its group: (B, 1, 1, 1)."""
        parts = x_BCHW.tensor_split(1 if self.group is None else -(-len(x_BCHW) // self.group))
        return torch.cat([_spread(part).expand(len(part), 1, 1, 1) for part in parts])


def _spread(x_BCHW: Tensor) -> Tensor:
    """The mean over features and places of their standard deviations over the batch: a scalar."""
    return x_BCHW.var(0, unbiased=False).add(1e-8).sqrt().mean()


class ScaledConv(nn.Conv2d):
    """A convolution with equalised learning rate (Karras 2018, section 4.1).

    Weights are drawn from N(0, 1) and multiplied by ``gain / sqrt(fan in)`` at each call.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, gain: float, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        self.scale = gain / math.sqrt(inputs * kernel**2)
        _standard_normal(self)

    @property
    def scaled(self) -> Tensor:
        """The weights in use."""
        return self.weight * self.scale

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The convolution with the scaled weights."""
        return functional.conv2d(x_BCHW, self.scaled, self.bias, padding=self.padding)


class ScaledLinear(nn.Linear):
    """A dense layer with equalised learning rate, as :class:`ScaledConv`.

    ``rate`` multiplies its learning rate: what is stored is divided by it, and multiplied again
    at each call (Karras 2019, appendix C).  Biases begin at ``start``.
    """

    def __init__(
        self, inputs: int, outputs: int, gain: float, rate: float = 1.0, start: float = 0.0
    ) -> None:
        super().__init__(inputs, outputs)
        self.scale, self.rate = gain / math.sqrt(inputs) * rate, rate
        nn.init.normal_(self.weight, std=1 / rate)
        nn.init.constant_(self.bias, start / rate)

    def forward(self, x_BC: Tensor) -> Tensor:
        """The dense layer with the scaled weights."""
        return functional.linear(x_BC, self.weight * self.scale, self.bias * self.rate)


@dataclass(frozen=True)
class LayerMaker:
    """Makes convolutions and dense layers of one kind.

    ``equalised``: equalised learning rate.  Otherwise the initialiser N(0, 1 / fan in), which at
    256 filters is the N(0, 0.02) usual for such networks, and a max-norm constraint.
    """

    equalised: bool

    def conv(self, inputs: int, outputs: int, kernel: int, gain: float = math.sqrt(2)) -> nn.Conv2d:
        """A convolution that keeps the size; ``gain`` is for equalised layers."""
        if self.equalised:
            return ScaledConv(inputs, outputs, kernel, gain)
        return _fan_in_normal(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))

    def dense(self, inputs: int, outputs: int, gain: float = math.sqrt(2)) -> nn.Linear:
        """A dense layer; ``gain`` is for equalised layers."""
        if self.equalised:
            return ScaledLinear(inputs, outputs, gain)
        return _fan_in_normal(nn.Linear(inputs, outputs))


def _standard_normal(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _fan_in_normal(layer: L) -> L:
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=1 / math.sqrt(fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
