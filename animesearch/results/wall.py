"""Pictures of a run: tiles of images, and the best trials' grids beside real images."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from animesearch.files import write_atomic
from animesearch.results.formats import clean, configuration, score_text
from animesearch.results.ranking import Ranked

Pixels: TypeAlias = NDArray[np.uint8]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER = (250, 250, 248)
INK = (28, 28, 30)
FAINT = (98, 98, 104)
GAP = (226, 226, 222)
REALS = "Real images"
TITLE_SIZE, TEXT_SIZE, LEADING = 22, 17, 1.3
MARGIN = 24
PANEL = 560
"""Width in pixels up to which a grid is enlarged: 8 columns of 32 px come out at twice their size,
and two panels side by side stay legible at the width of a page."""
LARGEST_SCALE = 3
NARROWEST_PANEL = 260


def tile(images: Pixels, columns: int, pad: int = 2, scale: int = 1) -> Image.Image:
    """``images`` row by row as one picture.

    ``images``: uint8, NCHW or NHWC with 1 or 3 channels (NCHW where both readings are possible);
    ``columns`` images a row, ``pad`` pixels between and around them before scaling, ``scale`` an
    integer enlargement by nearest neighbour.  Raises ``ValueError`` for anything else.
    """
    images_NHWC = _channels_last(np.asarray(images))
    if columns < 1 or scale < 1 or pad < 0:
        raise ValueError(f"columns {columns} and scale {scale} must be >= 1, pad {pad} >= 0")
    count, height, width, _ = images_NHWC.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    canvas = np.empty((rows * (height + pad) + pad, columns * (width + pad) + pad, 3), np.uint8)
    canvas[:] = GAP
    for place, image_HWC in enumerate(images_NHWC):
        top = pad + place // columns * (height + pad)
        left = pad + place % columns * (width + pad)
        canvas[top : top + height, left : left + width] = image_HWC
    return _enlarge(Image.fromarray(canvas), scale)


def _channels_last(images: NDArray[np.generic]) -> NDArray[np.generic]:
    if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"expected uint8 images with 4 axes, none of them empty; got {images.dtype} of "
            f"shape {images.shape}"
        )
    if images.shape[1] in (1, 3):
        return images.transpose(0, 2, 3, 1)
    if images.shape[3] in (1, 3):
        return images
    raise ValueError(f"expected 1 or 3 channels, NCHW or NHWC; got shape {images.shape}")


def _enlarge(picture: Image.Image, scale: int) -> Image.Image:
    if scale == 1:
        return picture
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.NEAREST)


def caption(ranked: Ranked, metric: str, names: Sequence[str] | None = None) -> str:
    """Two lines for a trial's panel: place, trial and score; its configuration in short.

    ``names`` are the parameters to show, all of the sampled ones by default.
    """
    place = "" if ranked.place is None else f"{ranked.place}. "
    head = f"{place}{clean(ranked.trial_id)}: {clean(metric)} {score_text(ranked.score)}"
    return f"{head}\n{configuration(ranked.params, names)}"


def grid_wall(rows: Sequence[tuple[str, Path]], reals: Path, out: Path) -> None:
    """Write one picture to ``out``: the grid of real images, then those of the trials.

    ``rows`` are (caption, PNG) pairs, the best first; the first line of a caption is its title.
    All trials drew from the same latents, so that a cell shows the same latent in every panel.
    A grid that is missing or broken leaves a panel that says so.
    """
    count = len(rows)
    real_caption = f"{REALS}\nfrom the training set"
    pairs = [(real_caption, reals), *((text, path) for text, path in rows)]
    pictures = [_open(path) for _, path in pairs]
    width = max([NARROWEST_PANEL, *(picture.width for picture in pictures if picture)])
    panels = [
        _panel(text, picture, width) for (text, _), picture in zip(pairs, pictures, strict=True)
    ]
    wall = _arrange(panels, _columns(count + 1))
    buffer = io.BytesIO()
    wall.save(buffer, format="PNG", optimize=True)
    write_atomic(out, buffer.getvalue())


def _columns(panels: int) -> int:
    """Panels a row: two by two for four, three at most, for a page's width."""
    return 2 if panels in (2, 4) else min(panels, 3)


def _open(path: Path) -> Image.Image | None:
    """The grid at its size on the wall; ``None`` where it cannot be read."""
    try:
        with Image.open(path) as picture:
            grid = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return _enlarge(grid, max(1, min(LARGEST_SCALE, PANEL // grid.width)))


@dataclass(frozen=True)
class _Panel:
    """A grid under its caption, drawn on paper; ``head`` is the height of the caption."""

    title: str
    lines: tuple[str, ...]
    picture: Image.Image | None
    width: int

    @property
    def head(self) -> int:
        lines = TITLE_SIZE + TEXT_SIZE * len(self.lines)
        return math.ceil(LEADING * lines) + TEXT_SIZE // 2

    @property
    def body(self) -> int:
        return self.picture.height if self.picture else self.width // 3

    def draw(self, wall: Image.Image, left: int, top: int, head: int) -> None:
        """Draw at ``left``, ``top``; the grid begins ``head`` below, level with its neighbours."""
        pen = ImageDraw.Draw(wall)
        pen.text((left, top), self.title, fill=INK, font=_font(TITLE_SIZE))
        line_top = top + LEADING * TITLE_SIZE
        for line in self.lines:
            pen.text((left, line_top), line, fill=FAINT, font=_font(TEXT_SIZE))
            line_top += LEADING * TEXT_SIZE
        if self.picture:
            wall.paste(self.picture, (left, top + head))
            return
        box = (left, top + head, left + self.width - 1, top + head + self.body - 1)
        pen.rectangle(box, fill=GAP)
        place = (left + TEXT_SIZE, top + head + TEXT_SIZE)
        pen.text(place, "no grid to show", fill=FAINT, font=_font(TEXT_SIZE))


def _panel(text: str, picture: Image.Image | None, width: int) -> _Panel:
    title, *rest = [clean(line) for line in text.splitlines()] or [""]
    heading, *overflow = _wrap(title, TITLE_SIZE, width) or [""]
    lines = [*overflow, *(part for line in rest for part in _wrap(line, TEXT_SIZE, width))]
    return _Panel(heading, tuple(lines), picture, width)


def _wrap(text: str, size: int, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` pixels, broken at spaces, long words anywhere."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.extend(_chop(word, size, width))
    return lines


def _chop(word: str, size: int, width: int) -> list[str]:
    pieces = [""]
    for char in word:
        if pieces[-1] and _font(size).getlength(pieces[-1] + char) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces


def _arrange(panels: Sequence[_Panel], columns: int) -> Image.Image:
    """The panels in rows; captions of a row take the room of its longest one."""
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heads = [max(panel.head for panel in row) for row in rows]
    heights = [
        head + max(panel.body for panel in row) for head, row in zip(heads, rows, strict=True)
    ]
    width = MARGIN + columns * (panels[0].width + MARGIN)
    wall = Image.new("RGB", (width, MARGIN + sum(height + MARGIN for height in heights)), PAPER)
    top = MARGIN
    for row, head, height in zip(rows, heads, heights, strict=True):
        for column, panel in enumerate(row):
            panel.draw(wall, MARGIN + column * (panel.width + MARGIN), top, head)
        top += height + MARGIN
    return wall


@lru_cache(maxsize=4)
def _font(size: int) -> Font:
    """Pillow's own typeface, so that a picture looks alike on every machine."""
    return ImageFont.load_default(size)
