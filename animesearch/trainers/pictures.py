"""Picture files: the endings that can be written, and how."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from animesearch.errors import UserError
from animesearch.files import write_atomic

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"lossless": True}),
}
"""Pillow's format and options by ending.  JPEG loses a little even so."""


def refuse_ending(path: Path) -> None:
    """Raise :class:`UserError` where a picture cannot be written under this name."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UserError(
            f"{path} is no picture's name: it ends in '{path.suffix}'; allowed: "
            f"{', '.join(FORMATS)}"
        )
    if ending == ".webp" and not features.check("webp"):
        raise UserError(f"{path}: this Pillow cannot write WebP; take .png")


def save_picture(image: Image.Image, path: Path) -> None:
    """Write ``image`` atomically in the format of the ending.

    Raises :class:`UserError` for an ending that is none, a place that cannot be written, and a
    picture larger than the format allows.
    """
    refuse_ending(path)
    kind, options = FORMATS[path.suffix.lower()]
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
        write_atomic(path, buffer.getvalue())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from error


def with_corner(x_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """One white image before the others: the corner of a table."""
    return np.concatenate([np.full_like(x_NCHW[:1], 255), x_NCHW])
