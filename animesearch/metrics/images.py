"""From a generator's floats to the uint8 images that are scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from animesearch.errors import MetricError

if TYPE_CHECKING:
    from torch import Tensor


def quantise(x_BCHW: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Float images in [low, high] as uint8 in 0..255, rounded and clipped.

    Raises :class:`MetricError` where a pixel is not finite: such a pixel would become an
    arbitrary grey and be scored as if the generator had drawn it.
    """
    import torch

    if not bool(torch.isfinite(x_BCHW).all()):
        raise MetricError("the generator draws pixels that are not finite")
    unit_BCHW = (x_BCHW.float() - low) / (high - low)
    return (unit_BCHW * 255.0).round().clamp(0, 255).to(torch.uint8)
