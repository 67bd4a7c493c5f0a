"""DiffAugment (Zhao 2020, arXiv:2006.10738, section 3 and appendix)."""

from __future__ import annotations

import torch
from torch import Tensor

from animesearch.trainers.augmentations.base import Augmentation
from animesearch.trainers.modules.augment.draws import per_image, uniform

SHIFT, CUT = 8, 2
"""A translation goes up to 1/8 of the side, the side of a cutout is 1/2 of the image's."""


class DiffAugmentation(Augmentation):
    """Colour, translation and cutout, in this order, each always applied where switched on."""

    def __init__(self, colour: bool, translation: bool, cutout: bool) -> None:
        self.changes = [
            change
            for change, wanted in (
                (random_brightness, colour),
                (random_saturation, colour),
                (random_contrast, colour),
                (random_translation, translation),
                (random_cutout, cutout),
            )
            if wanted
        ]

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """See the base class."""
        for change in self.changes:
            x_BCHW = change(x_BCHW)
        return x_BCHW


def random_brightness(x_BCHW: Tensor) -> Tensor:
    """Add U[-0.5, 0.5), one number per image."""
    return x_BCHW + per_image(uniform(len(x_BCHW), -0.5, 0.5), x_BCHW)


def random_saturation(x_BCHW: Tensor) -> Tensor:
    """Multiply the distance of each pixel from its mean over channels by U[0, 2).

    Images of one channel have no such distance: they stay.
    """
    return _spread(x_BCHW, x_BCHW.mean(1, keepdim=True), uniform(len(x_BCHW), 0, 2))


def random_contrast(x_BCHW: Tensor) -> Tensor:
    """Multiply the distance of each number from the image's mean by U[0.5, 1.5)."""
    mean_B111 = x_BCHW.mean((1, 2, 3), keepdim=True)
    return _spread(x_BCHW, mean_B111, uniform(len(x_BCHW), 0.5, 1.5))


def random_translation(x_BCHW: Tensor) -> Tensor:
    """Shift by whole pixels, up to 1/8 of the side (rounded down) each way; 0 comes in."""
    count, _, height, width = x_BCHW.shape
    down_B, right_B = (
        torch.randint(-(side // SHIFT), side // SHIFT + 1, (count,)) for side in (height, width)
    )
    return shift(x_BCHW, down_B, right_B)


def random_cutout(x_BCHW: Tensor) -> Tensor:
    """Set a square of half the side to 0; its centre is anywhere, so it may stand out."""
    count, _, height, width = x_BCHW.shape
    top_B, left_B = (
        torch.randint(0, side + 1 - (side // CUT) % 2, (count,)) - side // CUT // 2
        for side in (height, width)
    )
    return cut(x_BCHW, top_B, left_B)


def shift(x_BCHW: Tensor, down_B: Tensor, right_B: Tensor) -> Tensor:
    """Shifted by whole pixels, positive down and to the right; 0 comes in."""
    _, channels, height, width = x_BCHW.shape
    row_BH, column_BW = _from(down_B, height, x_BCHW), _from(right_B, width, x_BCHW)
    seen_BHW = _within(row_BH, height)[:, :, None] & _within(column_BW, width)[:, None]
    start_BH1 = row_BH.clamp(0, height - 1)[:, :, None] * width
    place_BN = (start_BH1 + column_BW.clamp(0, width - 1)[:, None]).flatten(1)
    moved = x_BCHW.flatten(2).gather(2, place_BN[:, None].expand(-1, channels, -1))
    return moved.view(x_BCHW.shape) * seen_BHW[:, None].to(x_BCHW)


def cut(x_BCHW: Tensor, top_B: Tensor, left_B: Tensor) -> Tensor:
    """0 in the rectangles of half the sides that begin there, as far as the image goes."""
    height, width = x_BCHW.shape[2:]
    row_BH, column_BW = _from(top_B, height, x_BCHW), _from(left_B, width, x_BCHW)
    hidden_BHW = (
        _within(row_BH, height // CUT)[:, :, None] & _within(column_BW, width // CUT)[:, None]
    )
    return x_BCHW * (~hidden_BHW)[:, None].to(x_BCHW)


def _from(start_B: Tensor, side: int, like: Tensor) -> Tensor:
    """Pixel numbers along a side, counted from each start: (B, side), on the images' device."""
    return torch.arange(side, device=like.device) - start_B.to(like.device)[:, None]


def _within(place: Tensor, end: int) -> Tensor:
    return (place >= 0) & (place < end)


def _spread(x_BCHW: Tensor, middle: Tensor, factor_B: Tensor) -> Tensor:
    return (x_BCHW - middle) * per_image(factor_B, x_BCHW) + middle
