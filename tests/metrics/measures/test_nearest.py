"""Nearest training images and the test of data-copying."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from animesearch.metrics.measures import Side
from animesearch.metrics.measures.nearest import data_copying
from tests.metrics.measures.samples import normal, parse, rows


def test_distances_by_hand() -> None:
    train = Side(rows([0.0, 0.0], [10.0, 0.0]))
    fake = Side(rows([3.0, 4.0], [10.0, 0.0], [9.0, 0.0]))
    found = parse("nearest").measure(train, fake)
    assert found == {"nearest_median": pytest.approx(1.0), "nearest_p5": pytest.approx(0.1)}


def test_data_copying_by_hand() -> None:
    """Of 6 pairs the fake is nearer in 5; U = 1, its mean 3 and variance 2·3·6/12 = 3."""
    closer, z = data_copying(np.array([1.0, 3.0]), np.array([2.0, 4.0, 5.0]))
    assert closer == pytest.approx(5 / 6)
    assert z == pytest.approx(-2 / np.sqrt(3))


@pytest.mark.parametrize("steps", [3, 1000])
def test_data_copying_equals_scipys_mann_whitney(steps: int) -> None:
    """Few steps: many ties."""
    rng = np.random.default_rng(0)
    fake_M, held_H = rng.integers(0, steps, 80) * 1.0, rng.integers(0, steps, 50) * 1.1 // 1
    closer, z = data_copying(fake_M, held_H)
    test = mannwhitneyu(fake_M, held_H, use_continuity=False, method="asymptotic")
    assert closer == pytest.approx(1 - test.statistic / (80 * 50))
    from scipy.stats import norm

    assert 2 * norm.sf(abs(z)) == pytest.approx(test.pvalue)


def test_all_distances_alike_tell_nothing() -> None:
    assert data_copying(np.ones(5), np.ones(4)) == (0.5, 0.0)


def test_a_copying_generator_is_told_from_an_honest_one() -> None:
    train_ND = normal(400, 6)
    held = Side(normal(200, 6, 1))
    copies_ND = train_ND[:200] + 0.05 * normal(200, 6, 2)
    found = parse("nearest").measure(Side(train_ND), Side(copies_ND), held)
    assert found["nearest_closer"] > 0.95
    assert found["nearest_z"] < -10
    honest = parse("nearest").measure(Side(train_ND), Side(normal(200, 6, 3)), held)
    assert honest["nearest_closer"] == pytest.approx(0.5, abs=0.1)
    assert abs(honest["nearest_z"]) < 3


def test_z_is_standard_normal_for_honest_generators() -> None:
    z = [
        parse("nearest").measure(
            Side(normal(100, 3, seed)),
            Side(normal(60, 3, seed + 300)),
            Side(normal(40, 3, seed + 600)),
        )["nearest_z"]
        for seed in range(150)
    ]
    assert np.mean(z) == pytest.approx(0.0, abs=0.3)
    assert np.std(z) == pytest.approx(1.0, abs=0.3)
