"""Named resize policies: how an image comes to the size that a feature network takes.

The same images under another policy have another distance (Parmar, Zhang and Zhu, CVPR 2022), so
the policy's name is part of every protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Policy = Literal["bilinear", "pytorch-fid", "clean"]
POLICY = "how images are resized; part of the protocol"  # the option's description


def resized(x_BCHW: Tensor, side: int, policy: Policy) -> Tensor:
    """Float32 images in 0..255, of any height and width, as ``side`` × ``side`` in 0..255.

    ``bilinear``: antialiased when shrinking.  ``pytorch-fid``: bilinear without antialiasing, as
    pytorch-fid 0.3 does inside its network.  ``clean``: antialiased bicubic in floats, clipped
    and not rounded, as clean-fid's mode ``clean`` does with PIL; here in torch, for whole
    batches and on any device, equal to PIL's within 0.01 of 255.
    Images that have the size already are returned as they are, under every policy.
    """
    return x_BCHW if tuple(x_BCHW.shape[-2:]) == (side, side) else _WAYS[policy](x_BCHW, side)


def _bilinear(x_BCHW: Tensor, side: int) -> Tensor:
    from torch.nn.functional import interpolate

    size = (side, side)
    return interpolate(x_BCHW, size=size, mode="bilinear", align_corners=False, antialias=True)


def _pytorch_fid(x_BCHW: Tensor, side: int) -> Tensor:
    from torch.nn.functional import interpolate

    return interpolate(x_BCHW, size=(side, side), mode="bilinear", align_corners=False)


def _clean(x_BCHW: Tensor, side: int) -> Tensor:
    from torch.nn.functional import interpolate

    size = (side, side)
    x = interpolate(x_BCHW, size=size, mode="bicubic", align_corners=False, antialias=True)
    return x.clamp_(0.0, 255.0)  # bicubic overshoots at edges


_WAYS: dict[Policy, Callable[[Tensor, int], Tensor]] = {
    "bilinear": _bilinear,
    "pytorch-fid": _pytorch_fid,
    "clean": _clean,
}
