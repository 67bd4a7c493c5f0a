"""Types that the options and the functions of this package share."""

from __future__ import annotations

from typing import Literal

Rgb = tuple[int, int, int]
"""A colour, 0..255 each."""

ResizePolicy = Literal["stretch", "letterbox", "centre-crop"]
Order = Literal["shuffle", "sequential", "replacement"]
LabelChoice = Literal["none", "classes"] | tuple[str, ...]
