"""Random numbers of augmentations: one per image, from torch's global state on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(count: int, low: float, high: float) -> Tensor:
    """``count`` numbers of U[low, high), float64."""
    return torch.rand(count, dtype=torch.float64) * (high - low) + low


def normal(count: int, spread: float) -> Tensor:
    """``count`` numbers of N(0, spread^2), float64."""
    return torch.randn(count, dtype=torch.float64) * spread


def sometimes(p: float, values_B: Tensor, otherwise: float) -> Tensor:
    """Each of ``values_B`` with probability ``p``, else ``otherwise``."""
    drawn_B = torch.rand(len(values_B), dtype=torch.float64) < p
    return torch.where(drawn_B, values_B, otherwise)


def per_image(values_B: Tensor, like_BCHW: Tensor) -> Tensor:
    """(B, 1, 1, 1), of the images' type and device."""
    return values_B[:, None, None, None].to(like_BCHW)
