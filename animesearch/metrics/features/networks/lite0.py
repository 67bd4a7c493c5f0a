"""EfficientNet-Lite0 with its package's weights, arranged to run fast.

The package's forward pads by a copy of each activation and keeps batch normalisation and
activations apart; on a CPU that takes half of the time.  Here batch normalisation is folded into
the convolutions (equal up to rounding), which pad by themselves, and activations work in place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.functional import pad, relu6
from torch.nn.utils.fusion import fuse_conv_bn_eval


class FastLite0(nn.Module):
    """``forward`` maps normalised images (B, 3, side, side) to features (B, 1280), ``logits``
    those to (B, 1000) of ImageNet's classes; weights from the state dict in ``weights``."""

    def __init__(self, side: int, weights: Path) -> None:
        super().__init__()
        with torch.device("meta"):  # no weights are drawn before those of the file come
            # The package fixes its padding by the input's size.
            network: Any = EfficientNet.from_name("efficientnet-lite0", image_size=side)
        state = torch.load(weights, map_location="cpu", weights_only=True)
        network.load_state_dict(state, assign=True)
        network.eval()
        self.stem = _plain(network._conv_stem, network._bn0)
        self.blocks = nn.Sequential(*(_Block(block) for block in network._blocks))
        self.head = _plain(network._conv_head, network._bn1)
        self.logits: nn.Linear = network._fc

    def forward(self, x_B3SS: Tensor) -> Tensor:
        x_BCHW = self.blocks(relu6(self.stem(x_B3SS), inplace=True))
        return relu6(self.head(x_BCHW), inplace=True).mean(dim=(2, 3))


class _Block(nn.Module):
    """An inverted bottleneck: expand, depthwise, project; added to its input where they fit."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        shape = block._block_args
        self.expand: nn.Conv2d | None = None
        if shape.expand_ratio != 1:
            self.expand = _plain(block._expand_conv, block._bn0)
        self.depthwise = _plain(block._depthwise_conv, block._bn1)
        self.project = _plain(block._project_conv, block._bn2)
        same = shape.stride == 1 and shape.input_filters == shape.output_filters
        self.adds = bool(block.id_skip and same)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        wide_BEHW = x_BCHW if self.expand is None else relu6(self.expand(x_BCHW), inplace=True)
        wide_BEHW = relu6(self.depthwise(wide_BEHW), inplace=True)
        y_BCHW: Tensor = self.project(wide_BEHW)
        return y_BCHW.add_(x_BCHW) if self.adds else y_BCHW


def _plain(convolution: Any, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """The convolution with ``norm`` folded in and its padding inside.

    TensorFlow pads an even size one pixel more at the end than at the start, which a
    convolution of torch cannot; a row and a column of zeros before the kernel shift it by one,
    and then both sides need the same.
    """
    fused = fuse_conv_bn_eval(convolution, norm)
    left, right, top, bottom = getattr(convolution.static_padding, "padding", (0, 0, 0, 0))
    weight = pad(fused.weight, (right - left, 0, bottom - top, 0))
    plain = nn.Conv2d(
        fused.in_channels,
        fused.out_channels,
        (weight.shape[2], weight.shape[3]),
        stride=fused.stride,
        padding=(bottom, right),
        groups=fused.groups,
        device="meta",
    )
    plain.weight, plain.bias = nn.Parameter(weight), fused.bias
    return plain
