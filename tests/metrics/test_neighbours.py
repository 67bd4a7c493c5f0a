"""Nearest neighbours against all distances written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from animesearch.errors import MetricError
from animesearch.metrics import neighbours
from animesearch.metrics.neighbours import nearest_in_parts, nearest_reals, others, tiles


def features(count: int, dim: int = 6, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    x_ND = np.random.default_rng(seed).normal(shift, 1.0, (count, dim))
    return x_ND.astype(np.float32)


@pytest.fixture(params=[5, 2048])
def side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(neighbours, "SIDE", request.param)
    return int(request.param)


@pytest.mark.usefixtures("side")
def test_tiles_are_all_distances() -> None:
    x_ND, y_MD = features(23), features(17, seed=1)
    found = np.full((23, 17), np.nan)
    for tile in tiles(x_ND, y_MD):
        found[tile.rows, tile.columns] = tile.squared_RC
    assert np.allclose(found, cdist(x_ND, y_MD, "sqeuclidean"), rtol=1e-10)


@pytest.mark.usefixtures("side")
@pytest.mark.parametrize("k", [1, 3, 22])
def test_others_are_the_nearest_without_oneself(k: int) -> None:
    x_ND = features(23)
    expected = np.sort(cdist(x_ND, x_ND, "sqeuclidean"), axis=1)[:, 1 : k + 1]
    assert np.allclose(others(x_ND, k), expected, rtol=1e-10)


@pytest.mark.usefixtures("side")
def test_nearest_reals() -> None:
    real_ND, fake_ND = features(23), features(17, seed=1)
    index_M, distance_M = nearest_reals(real_ND, fake_ND)
    expected = cdist(fake_ND, real_ND)
    assert np.array_equal(index_M, expected.argmin(axis=1))
    assert np.allclose(distance_M, expected.min(axis=1))


@pytest.mark.usefixtures("side")
def test_a_copy_is_found_at_distance_0_and_the_first_of_two() -> None:
    real_ND = features(23, shift=1000.0)
    real_ND[19] = real_ND[4]
    index_M, distance_M = nearest_reals(real_ND, real_ND[[19, 7]])
    assert index_M.tolist() == [4, 7]
    assert distance_M.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("size", [1, 7, 23])
def test_nearest_of_parts_is_that_of_the_whole(size: int) -> None:
    real_ND, fake_ND = features(23), features(17, seed=1)
    real_ND[19] = real_ND[4]
    fake_ND[3] = real_ND[4]
    parts = (real_ND[start : start + size] for start in range(0, 23, size))
    index_M, distance_M = nearest_in_parts(parts, fake_ND)
    expected_M, far_M = nearest_reals(real_ND, fake_ND)
    assert np.array_equal(real_ND[index_M], real_ND[expected_M]) and index_M[3] == 4
    assert np.allclose(distance_M, far_M, rtol=1e-10, atol=1e-10)
    with pytest.raises(MetricError, match="no real image"):
        nearest_in_parts([], fake_ND)


def test_a_near_copy_far_from_the_origin_is_not_taken_for_a_copy() -> None:
    real_ND = features(50, 64, shift=100.0).astype(np.float64)
    distance_M = nearest_reals(real_ND, real_ND[:3] + 1e-5)[1]
    assert np.allclose(distance_M, 8e-5, rtol=1e-3)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(MetricError, match="do not compare"):
        nearest_reals(features(5), features(5, 7))
    with pytest.raises(MetricError, match="do not compare"):
        nearest_reals(features(5)[:0], features(5))
    for k in (0, 5):
        with pytest.raises(MetricError, match="nearest other images"):
            others(features(5), k)
