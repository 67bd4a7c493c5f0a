"""Latents of numbered samples, the same for every architecture and every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK = 256
"""Samples whose normals are drawn together."""
COLUMNS = 512
"""Dimensions that are drawn together: a latent has the first of them that it needs."""
EVALUATION_SEED = 0
"""Seed of all grids and scores: sample i has the same normals in every trial."""


def sample_latents(
    start: int, count: int, dim: int, seed: int = EVALUATION_SEED
) -> npt.NDArray[np.float32]:
    """Standard normals (count, dim) of the samples ``start`` .. ``start + count``.

    Row i depends on ``seed`` and i alone, and its first values are the same for every ``dim``.
    They come from a counter-based generator (Philox), keyed by seed and block.
    """
    blocks = range(start // BLOCK, -(-(start + count) // BLOCK))
    rows = [_block(seed, block, dim) for block in blocks]
    first = start - start // BLOCK * BLOCK
    whole = np.concatenate(rows) if rows else np.zeros((0, dim), np.float32)
    return whole[first : first + count]


def _block(seed: int, block: int, dim: int) -> npt.NDArray[np.float32]:
    groups = [_normals(seed, block, group) for group in range(-(-dim // COLUMNS))]
    return np.concatenate(groups, 1)[:, :dim]


def _normals(seed: int, block: int, group: int) -> npt.NDArray[np.float32]:
    key = np.array([seed, block], np.uint64)
    counter = np.array([0, 0, 0, group], np.uint64)
    stream = np.random.Generator(np.random.Philox(key=key, counter=counter))
    return stream.standard_normal((BLOCK, COLUMNS), dtype=np.float32)
