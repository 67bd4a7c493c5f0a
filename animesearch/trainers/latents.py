"""Latents and labels of numbered samples, the same for every architecture and every machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BLOCK = 256
"""Samples whose normals are drawn together."""
COLUMNS = 512
"""Dimensions that are drawn together: a latent has the first of them that it needs."""
LABEL_STREAM = 2**64 - 1
"""Counter of the labels' random numbers, which no group of columns reaches."""
EVALUATION_SEED = 0
"""Seed of all grids and scores: sample i has the same normals in every trial."""


def sample_latents(
    start: int, count: int, dim: int, seed: int = EVALUATION_SEED
) -> npt.NDArray[np.float32]:
    """Standard normals (count, dim) of the samples ``start`` .. ``start + count``.

    Row i depends on ``seed`` and i alone, and its first values are the same for every ``dim``.
    They come from a counter-based generator (Philox), keyed by seed and block.
    """
    rows = [_block(seed, block, dim) for block in _blocks(start, count)]
    whole = np.concatenate(rows) if rows else np.zeros((0, dim), np.float32)
    return whole[start % BLOCK :][:count]


def sample_labels(
    start: int, count: int, shares: Sequence[float], seed: int = EVALUATION_SEED
) -> npt.NDArray[np.int64]:
    """Labels (count,) of the samples ``start`` .. ``start + count``, class c with ``shares[c]``.

    ``shares`` need not add up to 1; a class of share 0 is never drawn.  Row i depends on
    ``seed``, i and the shares alone, and is independent of the latents.  Raises
    :class:`ValueError` for shares that are negative, not finite or all 0.
    """
    share_C = np.asarray(shares, np.float64)
    if not share_C.size or not np.isfinite(share_C).all() or share_C.min() < 0 or not share_C.any():
        raise ValueError(f"shares must be finite, at least 0 and not all 0, they are {shares}")
    rows = [_uniforms(seed, block) for block in _blocks(start, count)]
    uniform_B = np.concatenate(rows) if rows else np.zeros(0)
    # Scaled by the largest first: the sum of huge shares must stay finite.
    edge_C = np.cumsum(share_C / share_C.max())
    label_B = np.searchsorted(edge_C / edge_C[-1], uniform_B[start % BLOCK :][:count], "right")
    return label_B.astype(np.int64)


def _blocks(start: int, count: int) -> range:
    return range(start // BLOCK, -(-(start + count) // BLOCK))


def _uniforms(seed: int, block: int) -> npt.NDArray[np.float64]:
    return _stream(seed, block, LABEL_STREAM).random(BLOCK)


def _block(seed: int, block: int, dim: int) -> npt.NDArray[np.float32]:
    groups = [_normals(seed, block, group) for group in range(-(-dim // COLUMNS))]
    return np.concatenate(groups, 1)[:, :dim]


def _normals(seed: int, block: int, group: int) -> npt.NDArray[np.float32]:
    return _stream(seed, block, group).standard_normal((BLOCK, COLUMNS), dtype=np.float32)


def _stream(seed: int, block: int, number: int) -> np.random.Generator:
    key = np.array([seed, block], np.uint64)
    counter = np.array([0, 0, 0, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
