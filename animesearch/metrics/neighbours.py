"""Nearest neighbours in feature space: exact, in float64, tile by tile.

Squared distances are ``|x|² + |y|² - 2 x·y``, of features centred at one point, so that a matrix
product does the work.  Never more than one tile of them is held, nor more than one tile's rows
in float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.metrics.gaussian import Array

Features = npt.NDArray[Any]

SIDE = 2048  # rows and columns of a tile
# Squared distance, relative to the squared lengths, below which two rows are the same image: the
# expansion rounds by up to 1e-13, and no float32 network tells images apart that finely.
SAME = 1e-13
# Share of a squared radius that is rounding: an image this near to a ball's edge lies on it.
EDGE = 1e-9


@dataclass(frozen=True)
class Tile:
    """Squared distances (R, C) between the rows ``rows`` of one set and ``columns`` of another."""

    rows: slice
    columns: slice
    squared_RC: Array


def tiles(x_ND: Features, y_MD: Features, half: bool = False) -> Iterator[Tile]:
    """All squared distances between two sets, row by row of tiles.

    ``half`` leaves out the tiles below the diagonal, where both are the same set.
    """
    centre_D = _centre(y_MD)
    for rows in _slices(len(x_ND)):
        x_RD = np.asarray(x_ND[rows], dtype=np.float64) - centre_D
        for columns in _slices(len(y_MD)):
            if half and columns.start < rows.start:
                continue
            y_CD = np.asarray(y_MD[columns], dtype=np.float64) - centre_D
            yield Tile(rows, columns, _squared(x_RD, y_CD))


def others(x_ND: Features, k: int) -> Array:
    """Squared distances of each row to its ``k`` nearest other rows (N, k), ascending.

    Raises :class:`MetricError` unless N > k >= 1.
    """
    count = len(x_ND)
    if not 1 <= k < count:
        raise MetricError(f"{k} nearest other images need at least {k + 1} images, not {count}")
    best_Nk = np.full((count, k), np.inf)
    for tile in tiles(x_ND, x_ND, half=True):
        if tile.rows == tile.columns:
            np.fill_diagonal(tile.squared_RC, np.inf)
        else:
            _keep(best_Nk[tile.columns], tile.squared_RC.T)
        _keep(best_Nk[tile.rows], tile.squared_RC)
    best_Nk.sort(axis=1)
    return best_Nk


def nearest_reals(
    real_ND: Features, fake_ND: Features
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Index of, and Euclidean distance to, the nearest real image of each fake: (M,) and (M,).

    ``real_ND`` are features (N, D), ``fake_ND`` (M, D); the first of equally near ones counts.
    Raises :class:`MetricError` for empty sets and other dimensions.
    """
    if real_ND.ndim != 2 or fake_ND.shape[1:] != real_ND.shape[1:] or not len(real_ND):
        raise MetricError(f"features {real_ND.shape} and {fake_ND.shape} do not compare")
    index_M = np.zeros(len(fake_ND), dtype=np.int64)
    squared_M = np.full(len(fake_ND), np.inf)
    for tile in tiles(fake_ND, real_ND):
        place_R = tile.squared_RC.argmin(axis=1)
        found_R = np.take_along_axis(tile.squared_RC, place_R[:, None], axis=1)[:, 0]
        nearer_R = found_R < squared_M[tile.rows]
        squared_M[tile.rows][nearer_R] = found_R[nearer_R]
        index_M[tile.rows][nearer_R] = tile.columns.start + place_R[nearer_R]
    return index_M, np.sqrt(squared_M)


def nearest_in_parts(
    parts: Iterable[Features], fake_ND: Features
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """As :func:`nearest_reals`, of real images that come in ``parts``, none of which is kept.

    Of equally near ones in two parts rounding decides, unless the fake is their copy.
    Raises :class:`MetricError` where no part holds an image.
    """
    index_M = np.zeros(len(fake_ND), dtype=np.int64)
    distance_M = np.full(len(fake_ND), np.inf)
    start = 0
    for real_BD in parts:
        found_M, far_M = nearest_reals(real_BD, fake_ND)
        nearer_M = far_M < distance_M
        index_M[nearer_M] = start + found_M[nearer_M]
        distance_M[nearer_M] = far_M[nearer_M]
        start += len(real_BD)
    if not start:
        raise MetricError("there is no real image to compare with")
    return index_M, distance_M


def _squared(x_RD: Array, y_CD: Array) -> Array:
    squared_RC = x_RD @ (-2.0 * y_CD).T
    x_R, y_C = _lengths(x_RD), _lengths(y_CD)
    squared_RC += x_R[:, None]
    squared_RC += y_C
    row_E, column_E = np.nonzero(squared_RC < SAME * (x_R.max() + y_C.max()))
    same_E = squared_RC[row_E, column_E] < SAME * (x_R[row_E] + y_C[column_E])
    squared_RC[row_E[same_E], column_E[same_E]] = 0.0
    return squared_RC


def _lengths(x_RD: Array) -> Array:
    lengths_R: Array = np.einsum("rd,rd->r", x_RD, x_RD)
    return lengths_R


def _keep(best_Rk: Array, squared_RC: Array) -> None:
    """Updates the smallest ``k`` of each row in place (``best_Rk`` is a view)."""
    k = best_Rk.shape[1]
    limit_R = best_Rk.max(axis=1)
    # After the first tiles few are nearer: sorting those alone is much less work.
    early = bool(np.isinf(limit_R).any())
    found_RC = squared_RC if early else _smallest(squared_RC, limit_R, k)
    joined = np.concatenate([best_Rk, found_RC], axis=1)
    joined.partition(k - 1, axis=1)
    best_Rk[:] = joined[:, :k]


def _smallest(squared_RC: Array, limit_R: Array, k: int) -> Array:
    """The smallest ``k`` of each row below its limit (R, k), infinite where there are fewer."""
    row_E, column_E = np.nonzero(squared_RC < limit_R[:, None])
    value_E = squared_RC[row_E, column_E]
    order_E = np.lexsort((value_E, row_E))
    row_E, value_E = row_E[order_E], value_E[order_E]
    place_E = np.arange(len(row_E)) - np.searchsorted(row_E, row_E)
    kept_E = place_E < k
    found_Rk = np.full((len(squared_RC), k), np.inf)
    found_Rk[row_E[kept_E], place_E[kept_E]] = value_E[kept_E]
    return found_Rk


def _centre(y_MD: Features) -> Array:
    centre_D: Array = y_MD.mean(axis=0, dtype=np.float64)
    return centre_D


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, SIDE):
        yield slice(start, min(start + SIDE, count))
