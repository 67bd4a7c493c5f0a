"""Affine changes of square images: matrices, their draws, and one resampling.

Places are (x, y, 1) with the image between -1 and 1 on both axes, x to the right, y down.  What
is drawn are inverse matrices: from a place of the new image to the one in the old that is shown
there.  So the first change of an image stands leftmost in a product.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from animesearch.trainers.modules.augment.draws import normal, sometimes, uniform

WHOLE, FRACTIONAL = 0.125, 0.125
"""Largest whole-pixel translation, and standard deviation of the fractional one, per side."""
SCALE, ANISOTROPY = 0.2, 0.2
"""Standard deviations of the binary logarithms of the two scalings."""


def scaling(x_B: Tensor, y_B: Tensor) -> Tensor:
    """Matrices (B, 3, 3) that multiply the coordinates."""
    return torch.diag_embed(torch.stack([x_B, y_B, torch.ones_like(x_B)], 1))


def rotation(angle_B: Tensor) -> Tensor:
    """Matrices (B, 3, 3) that turn by ``angle_B`` from x to y: clockwise, as y points down."""
    cos_B, sin_B = angle_B.cos(), angle_B.sin()
    matrix = torch.eye(3, dtype=angle_B.dtype).repeat(len(angle_B), 1, 1)
    matrix[:, 0, 0], matrix[:, 0, 1] = cos_B, -sin_B
    matrix[:, 1, 0], matrix[:, 1, 1] = sin_B, cos_B
    return matrix


def translation(x_B: Tensor, y_B: Tensor) -> Tensor:
    """Matrices (B, 3, 3) that add to the coordinates."""
    matrix = torch.eye(3, dtype=x_B.dtype).repeat(len(x_B), 1, 1)
    matrix[:, 0, 2], matrix[:, 1, 2] = x_B, y_B
    return matrix


def draw_blit(count: int, p: float, size: int) -> Tensor:
    """Inverse of x-flip, quarter turns and translation by whole pixels, each drawn with ``p``."""
    flip_B = sometimes(p, uniform(count, 0, 2).floor(), 0.0)
    turns_B = sometimes(p, uniform(count, 0, 4).floor(), 0.0)
    x_B, y_B = ((uniform(count, -WHOLE, WHOLE) * size).round() * 2 / size for _ in range(2))
    x_B, y_B = _both_or_none(p, x_B, y_B)
    return (
        scaling(1 - 2 * flip_B, torch.ones_like(flip_B))
        @ rotation(-turns_B * math.pi / 2)
        @ translation(-x_B, -y_B)
    )


def draw_geometry(count: int, p: float) -> Tensor:
    """Inverse of scaling, rotation, anisotropic scaling, rotation and fractional translation.

    Each is drawn with ``p``; the two rotations such that one of them happens with ``p``.
    """
    p_turn = 1 - math.sqrt(1 - p)
    scale_B = sometimes(p, normal(count, SCALE).exp2(), 1.0)
    before_B = sometimes(p_turn, uniform(count, -math.pi, math.pi), 0.0)
    stretch_B = sometimes(p, normal(count, ANISOTROPY).exp2(), 1.0)
    after_B = sometimes(p_turn, uniform(count, -math.pi, math.pi), 0.0)
    x_B, y_B = _both_or_none(p, *(normal(count, 2 * FRACTIONAL) for _ in range(2)))
    return (
        scaling(1 / scale_B, 1 / scale_B)
        @ rotation(-before_B)
        @ scaling(1 / stretch_B, stretch_B)
        @ rotation(-after_B)
        @ translation(-x_B, -y_B)
    )


def warp(x_BCHW: Tensor, inverse_B33: Tensor) -> Tensor:
    """The images under a change given by its inverse; float32 or float64, same type.

    Bilinear, mirrored at the borders as often as needed.  Whole pixels stay what they were.
    """
    matrix_B23 = inverse_B33[:, :2].to(x_BCHW)
    grid_BHW2 = functional.affine_grid(matrix_B23, list(x_BCHW.shape), align_corners=False)
    return functional.grid_sample(
        x_BCHW, grid_BHW2, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _both_or_none(p: float, x_B: Tensor, y_B: Tensor) -> tuple[Tensor, Tensor]:
    taken_B = sometimes(p, torch.ones_like(x_B), 0.0)
    return x_B * taken_B, y_B * taken_B
