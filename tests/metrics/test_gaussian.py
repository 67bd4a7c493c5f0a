"""Streaming moments: exact, whatever the order and the division."""

from __future__ import annotations

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics.gaussian import CHUNK_ROWS, Moments, MomentStream


def features(count: int, dim: int = 7, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(1000.0, 1.0, (count, dim)) @ rng.normal(size=(dim, dim))


def same(found: Moments, x_ND: np.ndarray) -> None:
    assert found.count == len(x_ND)
    np.testing.assert_allclose(found.mean, x_ND.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance(), np.cov(x_ND.T), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("batch", [1, 3, 64, 1000, 5000])
def test_stream_equals_numpy_for_any_batch(batch: int) -> None:
    x_ND = features(2 * CHUNK_ROWS + 17)
    stream = MomentStream()
    for start in range(0, len(x_ND), batch):
        stream.add(x_ND[start : start + batch])
    same(stream.moments(), x_ND)


@pytest.mark.parametrize("cut", [1, 2, 100, 298])
def test_parts_merge_in_either_order(cut: int) -> None:
    x_ND = features(299)
    first, second = Moments.of(x_ND[:cut]), Moments.of(x_ND[cut:])
    same(first.merge(second), x_ND)
    same(second.merge(first), x_ND)


def test_stream_can_be_read_and_go_on() -> None:
    x_ND = features(50)
    stream = MomentStream()
    stream.add(x_ND[:20])
    same(stream.moments(), x_ND[:20])
    stream.add(x_ND[20:])
    same(stream.moments(), x_ND)


def test_float32_is_summed_in_float64() -> None:
    x_ND = features(500).astype(np.float32)
    assert Moments.of(x_ND).scatter.dtype == np.float64
    same(Moments.of(x_ND), x_ND.astype(np.float64))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_features_are_refused(bad: float) -> None:
    x_ND = features(4)
    x_ND[2, 1] = bad
    with pytest.raises(MetricError, match="1 of 4 images"):
        MomentStream().add(x_ND)


def test_too_few_or_unequal() -> None:
    with pytest.raises(MetricError, match="at least 2"):
        Moments.of(features(1)).covariance()
    with pytest.raises(MetricError, match="no features"):
        MomentStream().moments()
    with pytest.raises(MetricError, match="do not merge"):
        Moments.of(features(3, 4)).merge(Moments.of(features(3, 5)))
    with pytest.raises(MetricError, match="must be"):
        Moments.of(np.zeros((0, 3)))
    stream = MomentStream()
    stream.add(features(3, 4))
    stream.add(features(3, 5))
    with pytest.raises(MetricError, match="differ"):
        stream.moments()
