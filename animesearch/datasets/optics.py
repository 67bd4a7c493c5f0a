"""What cleaning steps measure in one image.  Pure; images are RGB, of any size."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GLANCE: Final = 64
"""Longer edge, in pixels, at which colours are judged: the mean of an area hides JPEG's noise."""
BLUR_EDGE: Final = 128
"""Shorter edge, in pixels, at which blur is measured; the longer one is cut at 8 times that."""
BLUR_WINDOW: Final = 9
"""Width in pixels of the further blur, as in Crete's article."""
FULL: Final = 0.98
"""Share of a line's pixels that are black in a bar: the rest is noise."""
FRINGE: Final = 0.9
"""The same where JPEG smears the picture into the last lines of a bar."""
PICTURE: Final = 0.7
"""Share of black pixels at most, in three quarters of the first two lines after a bar: a head
before a black background leaves the corners black."""
FRINGE_DARKNESS: Final = 24
"""Brightness that such lines may have above the darkness asked for."""


def spread_of(image: Image.Image) -> float:
    """Standard deviation of the values (0..255) in the channel where it is largest."""
    counts_CL = np.array(image.histogram(), dtype=np.float64).reshape(-1, 256)
    levels_L = np.arange(256.0)
    count = image.width * image.height
    variances_C = counts_CL @ levels_L**2 / count - np.square(counts_CL @ levels_L / count)
    return math.sqrt(max(0.0, float(variances_C.max())))


def colourfulness(image: Image.Image) -> int:
    """Largest minus smallest of R, G, B (0..255), exceeded in 1 % of the area only."""
    scale = min(1.0, GLANCE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels_HWC = np.asarray(image.resize(size, Image.Resampling.BOX))
    red, green, blue = pixels_HWC[..., 0], pixels_HWC[..., 1], pixels_HWC[..., 2]
    # Two channels at a time: a reduction over an axis of three is several times slower.
    most, least = (f(f(red, green), blue) for f in (np.maximum, np.minimum))
    spread = (most - least).ravel()
    place = math.ceil(0.99 * len(spread)) - 1
    return int(np.partition(spread, place)[place])


def blur_of(image: Image.Image) -> float:
    """The blur effect of Crete et al. 2007: 0 (sharp) to 1; 0 for an image without edges.

    The share of the differences between neighbours that survives a blur over
    :data:`BLUR_WINDOW` pixels, in the direction where it is larger.
    """
    luma_HW = np.asarray(_for_blur(image).convert("L"), dtype=np.float64)
    if min(luma_HW.shape) <= BLUR_WINDOW:
        return 0.0
    return max(_survival(luma_HW), _survival(luma_HW.T))


def _for_blur(image: Image.Image) -> Image.Image:
    scale = BLUR_EDGE / min(image.size)
    if max(image.size) > 8 * min(image.size):
        width, height = (min(edge, 8 * min(image.size)) for edge in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    if scale >= 1:
        return image
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC)


def _survival(luma: NDArray[np.float64]) -> float:
    """Along the first axis."""
    half = BLUR_WINDOW // 2
    sums = np.cumsum(np.pad(luma, ((half + 1, half), (0, 0)), mode="edge"), axis=0)
    blurred = (sums[BLUR_WINDOW:] - sums[:-BLUR_WINDOW]) / BLUR_WINDOW
    before, after = np.abs(np.diff(luma, axis=0)), np.abs(np.diff(blurred, axis=0))
    total = float(before.sum())
    return 1.0 - float(np.maximum(0.0, before - after).sum()) / total if total > 0 else 0.0


class Bars(NamedTuple):
    """Black bars: their kind, and the box (left, top, right, bottom) of the picture inside."""

    kind: Literal["horizontal", "vertical", "frame"]
    box: tuple[int, int, int, int]


def bars_of(image: Image.Image, darkness: int, least: float) -> Bars | None:
    """Pairs of bars, each at least ``least`` of the edge thick, of pixels up to ``darkness``.

    The box leaves out the last lines of a bar too, into which JPEG smears the picture.
    """
    luma_HW = np.asarray(image.convert("L"))
    rows = _dark_ends(luma_HW, darkness)
    columns = _dark_ends(luma_HW.T, darkness)
    if rows is None or columns is None:
        return None
    inside_HW = luma_HW[slice(*rows), slice(*columns)]
    above = _pair(inside_HW, rows, image.height, darkness, least)
    beside = _pair(inside_HW.T, columns, image.width, darkness, least)
    if above is None and beside is None:
        return None
    top, bottom = above or (0, image.height)
    left, right = beside or (0, image.width)
    kind: Literal["horizontal", "vertical", "frame"] = (
        "frame" if above and beside else "horizontal" if above else "vertical"
    )
    return Bars(kind, (left, top, right, bottom))


def _dark_ends(luma: NDArray[np.uint8], darkness: int) -> tuple[int, int] | None:
    """First and last line (exclusive) that is not black; ``None`` for an all-black image."""
    share = (luma <= darkness).mean(axis=1)
    lines = np.flatnonzero(share < FULL)
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else None


def _pair(
    inside: NDArray[np.uint8], ends: tuple[int, int], edge: int, darkness: int, least: float
) -> tuple[int, int] | None:
    """First and last line (exclusive) of the picture, if there are bars before and after it."""
    if min(ends[0], edge - ends[1]) < max(1.0, least * edge):
        return None
    first = _sharp_start(inside, darkness)
    last = _sharp_start(inside[::-1], darkness)
    if first is None or last is None or first + last >= len(inside):
        return None
    return ends[0] + first, ends[1] - last


def _sharp_start(inside: NDArray[np.uint8], darkness: int) -> int | None:
    """Lines of fringe before the picture starts at once, or ``None`` if it does not."""
    lines = min(len(inside), 12)
    fringe = (inside[:lines] <= darkness + FRINGE_DARKNESS).mean(axis=1)
    start = int(np.argmax(fringe < FRINGE)) if (fringe < FRINGE).any() else lines
    after = inside[start : start + 2] <= darkness
    quarters = [part.mean() for part in np.array_split(after, 4, axis=1) if part.size]
    return start if sum(share <= PICTURE for share in quarters) >= 3 else None
