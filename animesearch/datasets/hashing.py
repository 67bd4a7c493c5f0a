"""Hashes of images that look alike are alike.  Pure."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LUMA_EDGE: Final = 32
COARSE: Final = 8
FINE: Final = 16
"""Frequencies along an edge: of the hash that is searched for, and of the details."""
CELLS: Final = 2
"""Cells of the colour hash along an edge."""
LIGHT_LEVELS: Final = (51, 102, 153, 204)
TINT_LEVELS: Final = (104, 116, 124, 132, 140, 152)
"""Between these values (0..255) lie the levels of Y and of Cb and Cr: 4 and 6 bits of a cell's
16.  Drawings have most of their tints near the middle, 128."""
LOOK: Final = 8 + 8 + FINE * FINE // 8


def look_of(image: Image.Image) -> bytes:
    """The words of :class:`~animesearch.datasets.duplicates.Likeness`: :data:`LOOK` bytes.

    Hash (8 bytes), colours (8), details (32).
    """
    frequencies = _frequencies(image)
    coarse = signs(frequencies[:COARSE, :COARSE])
    return coarse + colour_hash(image) + signs(frequencies)


def signs(frequencies: NDArray[np.float64]) -> bytes:
    """Which frequencies of a DCT lie above their median, a bit each: the perceptual hash.

    After Krawetz ("Looks Like It", 2011), with 8 × 8 frequencies of 32 × 32 pixels also called
    pHash.  The constant frequency counts neither for the median nor as a bit: its bit is 0.
    """
    values = frequencies.ravel()
    bits = values > np.median(values[1:])
    bits[0] = False
    return np.packbits(bits).tobytes()


def _frequencies(image: Image.Image) -> NDArray[np.float64]:
    """The lowest 16 × 16 of the brightness at 32 × 32 pixels."""
    small = image.convert("L").resize((LUMA_EDGE, LUMA_EDGE), Image.Resampling.BOX)
    cosines = _cosines()
    low: NDArray[np.float64] = cosines @ np.asarray(small, dtype=np.float64) @ cosines.T
    # Rounded, so that what is zero but for the noise of floating point is zero.
    return np.round(low, 3)


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """The first rows of the DCT-II of length 32, (16, 32)."""
    place = np.arange(LUMA_EDGE) + 0.5
    rows: NDArray[np.float64] = np.cos(np.pi / LUMA_EDGE * np.outer(np.arange(FINE), place))
    rows.setflags(write=False)
    return rows


def colour_hash(image: Image.Image) -> bytes:
    """8 bytes of colour: the bits that differ count the levels between two images.

    Mean Y, Cb and Cr of 2 × 2 cells, each as a row of ones as long as its level.
    """
    small = image.convert("RGB").resize((CELLS, CELLS), Image.Resampling.BOX).convert("YCbCr")
    cells = np.asarray(small).reshape(-1, 3)
    bits = [
        cells[:, channel, None] > np.array(levels)
        for channel, levels in enumerate((LIGHT_LEVELS, TINT_LEVELS, TINT_LEVELS))
    ]
    return np.packbits(np.concatenate(bits, axis=1)).tobytes()


def as_words(prints_NW: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Rows of bytes, eight to a big-endian number: uint64 (N, W // 8)."""
    return np.ascontiguousarray(prints_NW).view(">u8").astype(np.uint64)
