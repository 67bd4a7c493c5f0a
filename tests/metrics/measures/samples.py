"""Seeded features for the tests of the measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.metrics.measures import MEASURES, MeasureSpec, Side

Features = npt.NDArray[np.float32]


def normal(count: int, dim: int = 8, seed: int = 0, shift: float = 0.0) -> Features:
    """Independent normals of deviation 1."""
    x_ND = np.random.default_rng(seed).normal(shift, 1.0, (count, dim))
    return x_ND.astype(np.float32)


def rows(*points: Sequence[float]) -> Features:
    """Features written out."""
    return np.array(points, dtype=np.float32)


def side(count: int, dim: int = 8, seed: int = 0, shift: float = 0.0) -> Side:
    """Normals with random logits of 6 classes."""
    logits_NK = np.random.default_rng(seed + 1000).normal(0, 2, (count, 6))
    return Side(normal(count, dim, seed, shift), logits_NK)


def parse(name: str, **options: Any) -> MeasureSpec:
    """A measure by name."""
    return MEASURES.parse({"name": name, **options})
