"""What the header of an encoded image says about it, beside its pixels.  Pure."""

from __future__ import annotations

import io
import warnings
from typing import Final, NamedTuple

from PIL import Image

from animesearch.datasets.decode import FORMATS, TURNS

PIXELS: Final = "pixels"
"""The format of an image that its source hands over without any encoding."""
FORMAT_NAMES: Final = {"MPO": "JPEG", "WEBP": "WebP"}
"""Pillow's names that are not the usual ones: a JPEG with more images behind it is a JPEG."""
MODES: Final = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "I": "16-bit grey",
}
"""Pillow's modes by the words of this package; ``RGB``, ``RGBA`` and ``CMYK`` stay."""
ORIENTATION: Final = 0x0112
PNG_EXIF: Final = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Where a PNG may say how it is turned.  Asked for it, Pillow decodes all that stands before."""


class Header(NamedTuple):
    """Facts of one image that was decoded.

    ``kind`` says how the file holds its colours; ``width`` and ``height`` are declared there, in
    pixels; ``turn`` is its EXIF orientation, 1 to 8; ``alpha`` says whether it can be transparent.
    """

    format: str = ""
    kind: str = ""
    width: int = 0
    height: int = 0
    turn: int = 1
    animated: bool = False
    alpha: bool = False

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as people see it."""
        return (self.height, self.width) if self.turn >= 5 else (self.width, self.height)


UNKNOWN: Final = Header()
"""That of an image that cannot be used."""


def header_of(data: bytes) -> Header:
    """The header of bytes that :func:`~animesearch.datasets.decode.decode_image` decodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            known = opened.format or ""
            return Header(
                FORMAT_NAMES.get(known, known),
                _kind(opened, data),
                *opened.size,
                turn=_turn(opened, data),
                animated=known != "MPO" and _animated(opened),
                alpha=_alpha(opened),
            )


def _kind(opened: Image.Image, data: bytes) -> str:
    if opened.mode.startswith("I"):
        return MODES["I"]
    kind = MODES.get(opened.mode, opened.mode)
    deep = opened.format == "PNG" and data[12:16] == b"IHDR" and data[24:25] == b"\x10"
    return f"16-bit {kind}" if deep else kind


def _turn(opened: Image.Image, data: bytes) -> int:
    if opened.format == "PNG" and not any(place in data for place in PNG_EXIF):
        return 1
    try:
        turn = opened.getexif().get(ORIENTATION)
        return int(turn) if turn in TURNS else 1
    except Exception:  # noqa: BLE001 - the EXIF parser raises anything on hostile bytes
        return 1


def _animated(opened: Image.Image) -> bool:
    try:
        return bool(getattr(opened, "is_animated", False))
    except Exception:  # noqa: BLE001 - it may look for a second frame, in hostile bytes
        return False


def _alpha(opened: Image.Image) -> bool:
    try:
        return bool(opened.has_transparency_data)
    except Exception:  # noqa: BLE001 - it may read a broken palette
        return False
