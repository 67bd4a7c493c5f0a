"""The standard error of a Fréchet distance: a derivative, and right over draws of the fakes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics import noise
from animesearch.metrics.frechet import GaussianFactor, frechet_between, frechet_distance
from animesearch.metrics.gaussian import Array, Moments
from animesearch.metrics.noise import influence, standard_error
from animesearch.results.intervals import interval_of_noise

Draw = Callable[[np.random.Generator, int], Array]


def correlated(count: int, dim: int, seed: int, power: float = 0.5) -> Array:
    rng = np.random.default_rng(seed)
    mixing_DD = rng.normal(size=(dim, dim)) / np.sqrt(dim)
    x_ND: Array = (rng.normal(size=(count, dim)) * np.arange(1, dim + 1) ** -power) @ mixing_DD
    return x_ND


def factor(x_ND: Array) -> GaussianFactor:
    return GaussianFactor.of(Moments.of(x_ND))


@pytest.mark.parametrize(("count", "dim"), [(120, 10), (30, 40), (40, 40)])
def test_is_the_derivative_along_each_fake(count: int, dim: int) -> None:
    """A small weight moved to one fake moves the distance by weight times influence."""
    real, x_ND = factor(correlated(200, dim, 0)), correlated(count, dim, 1) + 0.1
    fake, weight = Moments.of(x_ND), 1e-5

    def moved(row: int, weight: float) -> float:
        step_D = x_ND[row] - fake.mean
        scatter_DD = (1 - weight) * fake.scatter + weight * (count - 1) * np.outer(step_D, step_D)
        return frechet_between(real, Moments(count, fake.mean + weight * step_D, scatter_DD))

    slope_N = np.array(
        [(moved(row, weight) - moved(row, -weight)) / (2 * weight) for row in range(count)]
    )
    expected_N = slope_N - slope_N.mean()
    assert np.allclose(influence(real, x_ND), expected_N, atol=1e-3 * np.abs(expected_N).max())


def test_by_hand_in_one_dimension() -> None:
    """d² = (μ - 3)² + (σ - 1)²: μ = 0, σ = 2 give ψ = -6 c + (1 - 1/2) c², for c = ±√2, ±√6
    (of variance 16/3 · 3/4 = 4 by the N - 1 = 4 of five fakes, with one at 0)."""
    real = GaussianFactor(np.array([3.0]), np.array([[1.0]]), 1.0, 100)
    c = np.array([-np.sqrt(6), -np.sqrt(2), 0.0, np.sqrt(2), np.sqrt(6)])
    psi = -6.0 * c + 0.5 * c**2
    assert np.allclose(influence(real, c[:, None]), psi - psi.mean())
    assert standard_error(real, c[:, None]) == pytest.approx(psi.std(ddof=1) / np.sqrt(5))


def shifted(dim: int) -> Draw:
    def draw(rng: np.random.Generator, count: int) -> Array:
        spread_D = 1.5 * np.arange(1, dim + 1) ** -0.5
        return rng.normal(size=(count, dim)) * spread_D + 0.1

    return draw


def two_modes(dim: int) -> Draw:
    def draw(rng: np.random.Generator, count: int) -> Array:
        mode_N = rng.integers(0, 2, count)
        spread_D = np.arange(1, dim + 1) ** -0.5
        return (rng.normal(size=(count, dim)) + 2.0 * mode_N[:, None]) * spread_D

    return draw


@pytest.mark.parametrize("draw", [shifted(12), two_modes(12)], ids=["shifted", "two modes"])
@pytest.mark.parametrize("count", [150, 600])
def test_calibrated_over_draws(draw: Draw, count: int) -> None:
    """400 draws tell the true spread to 3.5 %, and a share of 95 % to 1.1 %."""
    ratio, inside = _calibration(draw, 12, count, draws=400)
    assert ratio == pytest.approx(1.0, abs=0.12)
    assert inside == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("rank", [1000, 20], ids=["exact root", "with a tail"])
@pytest.mark.parametrize("draw", [shifted(90), two_modes(90)], ids=["shifted", "two modes"])
def test_careful_with_more_features_than_fakes(
    draw: Draw, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near the floor (shifted) somewhat too large, which keeps a trial rather than ends it."""
    monkeypatch.setattr(noise, "RANK", rank)
    ratio, inside = _calibration(draw, 90, 60, draws=200)
    assert 0.9 < ratio < 1.4
    assert inside > 0.9  # 0.95 less 3 standard errors of 200 draws


def _calibration(draw: Draw, dim: int, count: int, draws: int) -> tuple[float, float]:
    """Mean standard error over the true spread, and how many intervals hold the true mean."""
    real = factor(np.random.default_rng(1).normal(size=(2000, dim)) * np.arange(1, dim + 1) ** -0.5)
    rng = np.random.default_rng(2)
    sets = [draw(rng, count) for _ in range(draws)]
    values = np.array([frechet_distance(real, x_ND) for x_ND in sets])
    errors = np.array([standard_error(real, x_ND) for x_ND in sets])
    pairs = zip(values.tolist(), errors.tolist(), strict=True)
    ends = [interval_of_noise(value, error) for value, error in pairs]
    inside = np.mean([one.low <= values.mean() <= one.high for one in ends])
    return float(errors.mean() / values.std(ddof=1)), float(inside)


@pytest.mark.parametrize(
    ("power", "rank", "rel"), [(1.0, 40, 0.05), (0.5, 256, 0.05), (0.5, 40, 0.08), (0.25, 40, 0.06)]
)
def test_the_tail_replaces_the_exact_root_closely(
    power: float, rank: int, rel: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for fakes of unlike strength, whose tails differ."""
    strength_N1 = np.exp(0.4 * np.random.default_rng(5).normal(size=(300, 1)))
    real = factor(correlated(900, 400, 0, power))
    x_ND = 1.2 * correlated(300, 400, 1, power) * strength_N1
    errors = []
    for kept in (rank, 1000):
        monkeypatch.setattr(noise, "RANK", kept)
        errors.append(standard_error(real, x_ND))
    assert errors[0] == pytest.approx(errors[1], rel=rel)


@pytest.mark.parametrize("rank", [10, 1000])
def test_scales_and_turns_with_the_features(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "RANK", rank)
    real_ND, fake_ND = correlated(200, 40, 0), correlated(30, 40, 1) + 0.1
    error = standard_error(factor(real_ND), fake_ND)
    turn_DD = np.linalg.qr(np.random.default_rng(3).normal(size=(40, 40)))[0]
    close = pytest.approx(error, rel=1e-3)
    assert standard_error(factor(real_ND @ turn_DD), fake_ND @ turn_DD) == close
    assert standard_error(factor(5 * real_ND), 5 * fake_ND) / 25 == close
    assert standard_error(factor(real_ND), fake_ND[::-1]) == close


def test_shrinks_with_the_root_of_the_count() -> None:
    real, x_ND = factor(correlated(500, 10, 0)), correlated(6400, 10, 1) + 0.1
    ratio = standard_error(real, x_ND[:400]) / standard_error(real, x_ND)
    assert ratio == pytest.approx(4.0, rel=0.15)


def test_leaves_the_features_as_they_are() -> None:
    x_ND = correlated(30, 8, 1)
    kept_ND = x_ND.copy()
    standard_error(factor(correlated(40, 8, 0)), x_ND)
    assert np.array_equal(x_ND, kept_ND)


def test_what_has_no_standard_error() -> None:
    real = factor(correlated(40, 8, 0))
    with pytest.raises(MetricError, match="at least 2 fakes"):
        standard_error(real, correlated(1, 8, 1))
    with pytest.raises(MetricError, match="the fakes have 7 features, the reals 8"):
        standard_error(real, correlated(9, 7, 1))
    with pytest.raises(MetricError, match="one image"):
        standard_error(real, np.full((9, 8), 0.3))
    broken_ND = correlated(9, 8, 1)
    broken_ND[3, 3] = np.nan
    with pytest.raises(MetricError, match="not finite"):
        standard_error(real, broken_ND)
