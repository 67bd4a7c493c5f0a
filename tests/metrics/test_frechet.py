"""The Fréchet distance against known answers, a general matrix root, and its invariances."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.errors import MetricError
from animesearch.metrics.frechet import GaussianFactor, frechet_between, frechet_distance
from animesearch.metrics.gaussian import Array, Moments


def correlated(count: int, dim: int, seed: int, scale: float = 1.0) -> Array:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dim, dim)) * np.linspace(1.0, 0.02, dim)
    return scale * rng.normal(size=(count, dim)) @ mixing


def whitened(count: int, dim: int, seed: int) -> Array:
    """Samples whose mean is exactly 0 and whose covariance is exactly the identity."""
    x_ND = np.random.default_rng(seed).normal(size=(count, dim))
    x_ND -= x_ND.mean(axis=0)
    white_ND: Array = np.linalg.qr(x_ND)[0] * np.sqrt(count - 1)
    return white_ND


def reference(real_ND: Array, fake_ND: Array) -> float:
    """The textbook formula with a general matrix square root."""
    real, fake = np.cov(real_ND.T), np.cov(fake_ND.T)
    root = scipy.linalg.sqrtm(real @ fake)
    shift = real_ND.mean(axis=0) - fake_ND.mean(axis=0)
    return float(shift @ shift + np.trace(real) + np.trace(fake) - 2 * np.trace(root).real)


def factor(x_ND: Array) -> GaussianFactor:
    return GaussianFactor.of(Moments.of(x_ND))


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")
@pytest.mark.parametrize(
    ("reals", "fakes"),
    [(500, 400), (500, 65), (500, 30), (500, 2), (40, 30), (40, 400), (64, 64)],
)
def test_equals_the_general_root(reals: int, fakes: int) -> None:
    real_ND = correlated(reals, 64, 1)
    fake_ND = correlated(fakes, 64, 2, 1.3) + 0.2
    found = frechet_distance(factor(real_ND), fake_ND)
    assert found == pytest.approx(reference(real_ND, fake_ND), rel=1e-4)


@pytest.mark.parametrize("fakes", [30, 400])
def test_the_same_through_torch(fakes: int) -> None:
    """As on a GPU: ``cpu:0`` goes the way of every device but ``cpu``."""
    real, fake_ND = factor(correlated(500, 64, 1)), correlated(fakes, 64, 2, 1.3) + 0.2
    real.factor.flags.writeable = False  # as it comes out of the object store
    found = frechet_distance(real, fake_ND, "cpu:0")
    assert found == pytest.approx(frechet_distance(real, fake_ND), rel=1e-10)


def test_known_distance_of_isotropic_gaussians() -> None:
    dim, shift, deviation = 8, 0.7, 3.0
    fake_ND = deviation * whitened(400, dim, 1) + shift
    expected = dim * (shift**2 + (deviation - 1) ** 2)
    assert frechet_distance(factor(whitened(300, dim, 0)), fake_ND) == pytest.approx(expected)


def test_known_distance_of_commuting_covariances() -> None:
    real, fake = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.25])
    found = frechet_distance(
        factor(whitened(100, 3, 0) * np.sqrt(real)), whitened(90, 3, 1) * np.sqrt(fake)
    )
    assert found == pytest.approx(float(np.square(np.sqrt(real) - np.sqrt(fake)).sum()))


def test_known_distance_with_fewer_fakes_than_dimensions() -> None:
    """Against the identity, tr (Σ_r Σ_f)^½ is the sum of the fakes' own deviations."""
    dim, fakes = 40, 11
    fake_ND = np.zeros((fakes, dim))
    fake_ND[:, : fakes - 1] = 2.0 * whitened(fakes, fakes - 1, 1)
    expected = dim + 4.0 * (fakes - 1) - 2 * 2.0 * (fakes - 1)
    assert frechet_distance(factor(whitened(200, dim, 0)), fake_ND) == pytest.approx(expected)


@pytest.mark.parametrize("count", [20, 200])
def test_zero_for_the_same_samples(count: int) -> None:
    x_ND = correlated(count, 32, 5)
    assert 0.0 <= frechet_distance(factor(x_ND), x_ND) < 1e-5 * np.trace(np.cov(x_ND.T))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**31))
def test_symmetric_rotation_and_order_invariant(
    reals: int, fakes: int, dim: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    real_ND, fake_ND = rng.normal(size=(reals, dim)), 2.0 * rng.normal(size=(fakes, dim)) + 1.0
    turn_DD = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    found = frechet_distance(factor(real_ND), fake_ND)
    close = pytest.approx(found, rel=1e-5, abs=1e-6)
    assert frechet_distance(factor(fake_ND), real_ND) == close
    assert frechet_distance(factor(real_ND @ turn_DD), fake_ND @ turn_DD) == close
    assert frechet_distance(factor(rng.permutation(real_ND)), rng.permutation(fake_ND)) == close
    assert frechet_distance(factor(3 * real_ND), 3 * fake_ND) / 9 == close


def test_streamed_and_merged_moments_give_the_same() -> None:
    real, fake_ND = factor(correlated(300, 16, 1)), correlated(200, 16, 2)
    merged = Moments.of(fake_ND[150:]).merge(Moments.of(fake_ND[:150]))
    assert frechet_between(real, merged) == pytest.approx(frechet_distance(real, fake_ND))
    assert frechet_between(real, Moments.of(fake_ND[:9])) == pytest.approx(
        frechet_distance(real, fake_ND[:9]), rel=1e-5
    )


def test_grows_with_the_damage() -> None:
    real, clean_ND = factor(correlated(500, 32, 1)), correlated(300, 32, 1)
    noise_ND = np.random.default_rng(9).normal(size=clean_ND.shape)
    values = [frechet_distance(real, clean_ND + level * noise_ND) for level in (0, 0.5, 1, 2, 4)]
    assert values == sorted(values)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("count", [5, 50])
def test_non_finite_fakes(bad: float, count: int) -> None:
    fake_ND = correlated(count, 16, 2)
    fake_ND[3, 3] = bad
    with pytest.raises(MetricError, match="not finite"):
        frechet_distance(factor(correlated(40, 16, 1)), fake_ND)


@pytest.mark.parametrize("count", [5, 50])
def test_degenerate_fakes(count: int) -> None:
    real = factor(correlated(40, 16, 1))
    with pytest.raises(MetricError, match="one image"):
        frechet_distance(real, np.full((count, 16), 0.3))


def test_too_few_other_dimensions_and_no_spread() -> None:
    real = factor(correlated(40, 16, 1))
    with pytest.raises(MetricError, match="at least 2 fakes"):
        frechet_distance(real, correlated(1, 16, 1))
    with pytest.raises(MetricError, match="the fakes have 8 features, the reals 16"):
        frechet_distance(real, correlated(9, 8, 1))
    with pytest.raises(MetricError, match="the fakes have 8 features, the reals 16"):
        frechet_between(real, Moments.of(correlated(9, 8, 1)))
    with pytest.raises(MetricError, match="no spread"):
        factor(np.ones((10, 4)))
    with pytest.raises(MetricError, match="at least 2"):
        factor(np.ones((1, 4)))
