"""Which images are held out of training: decided by their content alone.  Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from animesearch.datasets.sources.base import Item

SALT: Final = b"animesearch-holdout/1"


def held_out(items: Sequence[Item], share: float) -> NDArray[np.bool_]:
    """Whether each item is held out, about ``share`` (0..0.5) of them: (N,).

    An image falls on the same side on any machine, in any order, whatever stands beside it; with
    a larger share all that a smaller one holds out are held out too.
    """
    if share == 0:
        return np.zeros(len(items), dtype=bool)
    return np.array([_lot(item.sha256) < share for item in items], dtype=bool)


def _lot(sha256: str) -> float:
    """Evenly spread over 0..1."""
    digest = hashlib.sha256(SALT + bytes.fromhex(sha256)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
