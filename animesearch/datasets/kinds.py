"""Types that the options and the functions of this package share."""

from __future__ import annotations

from typing import Final, Literal

Rgb = tuple[int, int, int]
"""A colour, 0..255 each."""

ResizePolicy = Literal["stretch", "letterbox", "centre-crop"]
Order = Literal["shuffle", "sequential", "replacement", "fixed-batches"]
"""How batches are composed.  Single images, in turn or by lot, are batches of one: ``sequential``
or ``replacement`` with a batch size of 1."""
STREAM_ORDERS: Final[tuple[Order, ...]] = ("shuffle", "sequential")
"""Those that a stream has: it cannot seek."""

Mode = Literal["auto", "packed", "stream"]
"""How images reach the trials: one array in memory, or a stream; ``auto`` is chosen by size."""

LabelChoice = Literal["none", "classes"] | tuple[str, ...]
ClassChoice = Literal["auto", "yes", "no"]
"""Whether folders are classes."""
