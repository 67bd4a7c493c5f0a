"""The Fréchet distance as a measure, and its extrapolation to infinitely many fakes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from animesearch.errors import MetricError
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import Moments
from animesearch.metrics.measures import Side
from animesearch.metrics.measures.frechet_infinity import at_infinity
from tests.metrics.measures.samples import normal, parse


def test_frechet_is_the_exact_one() -> None:
    """Also where the reals come in several blocks."""
    real_ND, fake_ND = normal(2500, 12), normal(90, 12, 1, 0.4)
    found = parse("frechet").measure(Side(real_ND), Side(fake_ND))["frechet"]
    expected = frechet_distance(GaussianFactor.of(Moments.of(real_ND)), fake_ND)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_line_is_extrapolated_exactly() -> None:
    sizes = np.array([10, 20, 40, 80])
    assert at_infinity(sizes, 3.0 + 50.0 / sizes) == pytest.approx((3.0, 0.0), abs=1e-9)


def test_the_fit_is_scipys() -> None:
    sizes = np.array([10, 20, 30, 50, 90])
    values = np.array([9.0, 5.5, 4.2, 3.6, 2.9])
    expected = linregress(1.0 / sizes, values)
    assert at_infinity(sizes, values) == pytest.approx(
        (expected.intercept, expected.intercept_stderr)
    )


def test_removes_the_bias_by_the_number_of_fakes() -> None:
    """Two Gaussians of variance 1, means 0.5 apart in each of 20 directions: the distance is 5,
    but for the reals' own sampling, taken away by using their very moments."""
    real = Side(normal(20_000, 20))
    found = []
    for seed in range(8):
        fake = Side(normal(1500, 20, seed + 1, 0.5))
        plain = parse("frechet").measure(real, fake)["frechet"]
        found.append((plain, parse("frechet-infinity").measure(real, fake)["frechet_infinity"]))
    plain, infinite = np.mean(found, axis=0)
    assert abs(infinite - 5.0) < 0.35 * abs(plain - 5.0) + 0.02


def test_follows_its_seed() -> None:
    real, fake = Side(normal(300)), Side(normal(200, seed=1))
    first, same, other = (
        parse("frechet-infinity", seed=seed).measure(real, fake) for seed in (1, 1, 2)
    )
    assert first == same != other


@pytest.mark.parametrize(("options", "count"), [({"least": 50}, 40), ({"least": 49}, 50), ({}, 3)])
def test_too_few_fakes_for_three_sizes(options: dict[str, int], count: int) -> None:
    with pytest.raises(MetricError, match="at least 3 sizes"):
        parse("frechet-infinity", **options).measure(Side(normal(60)), Side(normal(count)))
