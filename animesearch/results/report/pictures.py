"""Pictures inside a file: re-encoded, small, and never more than fit."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from animesearch.results.web.files import confined

MOST_BYTES = 7_000_000
"""Of all pictures together, encoded: a report stays below 10 MB."""
MOST_PIXELS = 64_000_000
GRID, PAIR, THUMBNAIL = 640, 128, 88
ENLARGED = 320
"""Width to which small grids are enlarged by whole numbers."""
GAP = 2
"""Pixels between the samples of a grid."""
QUALITY = 88


class Pictures:
    """Pictures of a run folder as addresses that hold their content."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._left = MOST_BYTES
        self.left_out = 0

    def grid(self, path: str | None) -> str | None:
        """A sample grid in a size to look at."""
        return self._address(path, GRID)

    def thumbnail(self, path: str | None) -> str | None:
        """The same, to tell trials apart."""
        return self._address(path, THUMBNAIL)

    def training(self, path: str | None) -> str | None:
        """A training image, large enough to compare it with a sample."""
        return self._address(path, PAIR)

    def sample(self, path: str | None, shape: tuple[int, int], number: int) -> str | None:
        """One sample of a grid of ``shape`` rows and columns."""
        return self._address(path, PAIR, lambda picture: _cell(picture, shape, number))

    def _address(
        self, path: str | None, width: int, part: Callable[[Image.Image], Image.Image] | None = None
    ) -> str | None:
        """None where there is none, it cannot be read, or the file has no room for it."""
        file = confined(self._root, path) if path else None
        content = _encoded(file, width, part) if file else None
        if content is None:
            return None
        text = base64.b64encode(content).decode()
        if len(text) > self._left:
            self.left_out += 1
            return None
        self._left -= len(text)
        return f"data:image/jpeg;base64,{text}"


def _cell(picture: Image.Image, shape: tuple[int, int], number: int) -> Image.Image:
    (rows, columns), row, column = shape, *divmod(number, shape[1])
    width = (picture.width + GAP) // columns
    height = (picture.height + GAP) // rows
    left, top = column * width, row * height
    return picture.crop((left, top, left + width - GAP, top + height - GAP))


def _encoded(
    file: Path, width: int, part: Callable[[Image.Image], Image.Image] | None
) -> bytes | None:
    """JPEG of at most ``width`` pixels, small letters of colour kept."""
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return None
            picture = opened.convert("RGB")
            picture = part(picture) if part else picture
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    buffer = io.BytesIO()
    # Not optimised: Pillow has no room for an optimised picture that does not compress (noise).
    _sized(picture, width).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def _sized(picture: Image.Image, width: int) -> Image.Image:
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        return picture.resize((width, height), Image.Resampling.LANCZOS)
    scale = max(1, ENLARGED // picture.width)
    if scale == 1 or width < ENLARGED:
        return picture
    return picture.resize(
        (picture.width * scale, picture.height * scale), Image.Resampling.NEAREST
    )  # fmt: skip
