"""Images to one square size, with antialiasing.

Every policy resamples with Pillow's bicubic filter, whose support grows with the reduction, so
that nothing aliases (Parmar et al. 2022, "On Aliased Resizing", clean-fid).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PIL import Image

from animesearch.datasets.kinds import ResizePolicy, Rgb

FILTER: Final = Image.Resampling.BICUBIC


def resize(image: Image.Image, size: int, policy: ResizePolicy, background: Rgb) -> Image.Image:
    """The image (mode RGB or L) as ``size`` × ``size`` pixels.

    ``stretch`` gives up the aspect ratio, ``letterbox`` keeps it and fills with ``background``,
    ``centre-crop`` keeps it and cuts the longer side.
    """
    return POLICIES[policy](image, size, background)


def _stretch(image: Image.Image, size: int, _background: Rgb) -> Image.Image:
    return image if image.size == (size, size) else image.resize((size, size), FILTER)


def _letterbox(image: Image.Image, size: int, background: Rgb) -> Image.Image:
    width, height = image.size
    scale = size / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    if inner == (size, size):
        return _stretch(image, size, background)
    ground = Image.new("RGB", (size, size), background).convert(image.mode)
    ground.paste(image.resize(inner, FILTER), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return ground


def _centre_crop(image: Image.Image, size: int, _background: Rgb) -> Image.Image:
    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    if width == height == size:
        return image
    return image.resize((size, size), FILTER, box=(left, top, left + edge, top + edge))


POLICIES: Final[dict[str, Callable[[Image.Image, int, Rgb], Image.Image]]] = {
    "stretch": _stretch,
    "letterbox": _letterbox,
    "centre-crop": _centre_crop,
}
