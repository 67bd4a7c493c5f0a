"""Changes of colour: one 4 x 4 matrix per image, on (red, green, blue, 1) in [-1, 1]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from animesearch.trainers.modules.augment.draws import normal, per_image, sometimes, uniform

BRIGHTNESS = 0.2
"""Standard deviation of what is added."""
CONTRAST, SATURATION = 0.5, 1.0
"""Standard deviations of the binary logarithms of the factors."""


def draw_colour(count: int, p: float) -> Tensor:
    """Matrices (B, 4, 4) of brightness, contrast, luma flip, hue and saturation, each with ``p``.

    The right-hand one of a product comes first.
    """
    brightness_B = sometimes(p, normal(count, BRIGHTNESS), 0.0)
    contrast_B = sometimes(p, normal(count, CONTRAST).exp2(), 1.0)
    flip_B = sometimes(p, uniform(count, 0, 2).floor(), 0.0)
    angle_B = sometimes(p, uniform(count, -math.pi, math.pi), 0.0)
    saturation_B = sometimes(p, normal(count, SATURATION).exp2(), 1.0)
    return (
        saturation(saturation_B)
        @ hue(angle_B)
        @ luma_flip(flip_B)
        @ contrast(contrast_B)
        @ brightness(brightness_B)
    )


def brightness(amount_B: Tensor) -> Tensor:
    """Add to all three."""
    matrix = _identity(amount_B)
    matrix[:, :3, 3] = amount_B[:, None]
    return matrix


def contrast(factor_B: Tensor) -> Tensor:
    """Multiply all three: the distance from mid-grey."""
    matrix = _identity(factor_B)
    matrix[:, :3, :3] *= factor_B[:, None, None]
    return matrix


def luma_flip(flip_B: Tensor) -> Tensor:
    """Mirror at the plane of luma 0 where ``flip_B`` is 1: bright to dark, hue kept."""
    matrix = _identity(flip_B)
    matrix[:, :3, :3] -= 2 * flip_B[:, None, None] * _grey(flip_B)
    return matrix


def hue(angle_B: Tensor) -> Tensor:
    """Turn around the axis of greys (Rodrigues), red towards green for positive angles."""
    matrix, grey = _identity(angle_B), _grey(angle_B)
    cross = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=angle_B.dtype) / math.sqrt(3)
    cos, sin = angle_B.cos()[:, None, None], angle_B.sin()[:, None, None]
    matrix[:, :3, :3] = cos * matrix[:, :3, :3] + sin * cross + (1 - cos) * grey
    return matrix


def saturation(factor_B: Tensor) -> Tensor:
    """Multiply the distance from the axis of greys."""
    matrix, grey = _identity(factor_B), _grey(factor_B)
    matrix[:, :3, :3] = grey + (matrix[:, :3, :3] - grey) * factor_B[:, None, None]
    return matrix


def recolour(x_BCHW: Tensor, matrix_B44: Tensor) -> Tensor:
    """Images of 3 channels, or of 1 (taken for greys), under the matrices."""
    if x_BCHW.shape[1] == 1:
        gain_B, shift_B = matrix_B44[:, :3, :3].sum((1, 2)) / 3, matrix_B44[:, :3, 3].mean(1)
        return x_BCHW * per_image(gain_B, x_BCHW) + per_image(shift_B, x_BCHW)
    matrix = matrix_B44.to(x_BCHW)
    turned = torch.einsum("bij,bjhw->bihw", matrix[:, :3, :3], x_BCHW)
    return turned + matrix[:, :3, 3, None, None]


def _identity(like_B: Tensor) -> Tensor:
    return torch.eye(4, dtype=like_B.dtype).repeat(len(like_B), 1, 1)


def _grey(like_B: Tensor) -> Tensor:
    """The projection onto the axis of greys, (3, 3)."""
    return torch.full((3, 3), 1 / 3, dtype=like_B.dtype)
