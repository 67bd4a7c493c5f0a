"""Precision, recall, density and coverage on small figures, and what is known of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics import neighbours
from animesearch.metrics.measures import Side
from tests.metrics.measures.samples import normal, parse, rows

LINE = rows([0.0], [1.0], [3.0], [7.0])  # distances to the nearest other: 1, 1, 2, 4


def test_precision_and_recall_by_hand() -> None:
    """Reals' balls: [-1, 1], [0, 2], [1, 5], [3, 11]; fakes' nearest others: 4.5, 4.5, 13, so
    their balls: [-2.5, 6.5], [2, 11], [6.5 .. 32.5] around 19.5."""
    fake = Side(rows([2.0], [6.5], [19.5]))
    found = parse("precision-recall", k=1).measure(Side(LINE), fake)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(1.0)
    assert found["f_score"] == pytest.approx(0.8)


def test_the_edge_belongs_to_a_manifold_but_not_to_a_counted_ball() -> None:
    fake = Side(rows([11.0], [11.0]))
    assert parse("precision-recall", k=1).measure(Side(LINE), fake)["precision"] == 1.0
    assert parse("density-coverage", k=1).measure(Side(LINE), fake)["density"] == 0.0


def test_density_and_coverage_by_hand() -> None:
    """Fakes 0.5 (in two balls), 4.0 (in two) and 20 (in none), k = 1."""
    found = parse("density-coverage", k=1).measure(Side(LINE), Side(rows([0.5], [4.0], [20.0])))
    assert found == {"density": pytest.approx(4 / 3), "coverage": pytest.approx(1.0)}
    found = parse("density-coverage", k=1).measure(Side(LINE), Side(rows([0.5], [20.0])))
    assert found == {"density": pytest.approx(1.0), "coverage": pytest.approx(0.5)}


def test_identical_sets_are_perfect() -> None:
    x_ND = normal(300)
    perfect = pytest.approx(1.0)
    found = parse("precision-recall").measure(Side(x_ND), Side(x_ND))
    assert found == {"precision": perfect, "recall": perfect, "f_score": perfect}
    found = parse("density-coverage").measure(Side(x_ND), Side(x_ND))
    assert found == {"density": perfect, "coverage": perfect}


def test_sets_far_apart_have_nothing_in_common() -> None:
    found = parse("precision-recall").measure(Side(normal(60)), Side(normal(50, shift=50)))
    assert found == {"precision": 0.0, "recall": 0.0, "f_score": 0.0}
    found = parse("density-coverage").measure(Side(normal(60)), Side(normal(50, shift=50)))
    assert found == {"density": 0.0, "coverage": 0.0}


def test_a_collapsed_generator_has_precision_and_no_recall() -> None:
    real_ND = normal(200, 4)
    fake_ND = real_ND[:1] + 1e-3 * normal(100, 4, 1)
    found = parse("precision-recall").measure(Side(real_ND), Side(fake_ND))
    assert found["precision"] == 1.0
    assert found["recall"] < 0.02
    assert parse("density-coverage").measure(Side(real_ND), Side(fake_ND))["coverage"] < 0.1


def test_copies_of_one_image_make_a_ball_of_radius_0() -> None:
    """Found as such in spite of the rounding of |x|² + |y|² - 2 x·y far from the origin."""
    copies_ND = np.repeat(normal(1, 64, shift=30.0), 6, axis=0)
    real = Side(np.concatenate([copies_ND, normal(50, 64, 1, 40.0)]))
    assert not real.radii(5)[:6].any()
    assert parse("precision-recall").measure(real, Side(copies_ND[:2].repeat(4, axis=0)))[
        "precision"
    ] == pytest.approx(1.0)


@pytest.mark.parametrize(("reals", "fakes"), [(200, 200), (300, 100)])
def test_expectations_for_one_distribution(reals: int, fakes: int) -> None:
    found = [
        parse("density-coverage").measure(
            Side(normal(reals, 3, seed)), Side(normal(fakes, 3, seed + 900))
        )
        for seed in range(60)
    ]
    density = np.array([values["density"] for values in found])
    coverage = np.array([values["coverage"] for values in found])
    assert density.mean() == pytest.approx(1.0, abs=4 * density.std() / np.sqrt(60))
    expected = expected_coverage(reals, fakes)
    assert coverage.mean() == pytest.approx(expected, abs=4 * coverage.std() / np.sqrt(60))


def expected_coverage(reals: int, fakes: int, k: int = 5) -> float:
    """``1 - Π_{i=1..k} (N - i) / (N + M - i)`` (Naeem 2020, section 3.2): no fake among the k
    nearest of all other images."""
    return 1.0 - math.prod((reals - i) / (reals + fakes - i) for i in range(1, k + 1))


def test_expected_coverage_by_hand() -> None:
    """N = M = 2, k = 1: of the 3 others the nearest is a real in 1 case of 3; the paper's limit
    for equal counts is 1 - 2**-k."""
    assert expected_coverage(2, 2, 1) == pytest.approx(2 / 3)
    assert expected_coverage(100_000, 100_000, 5) == pytest.approx(1 - 1 / 32, abs=1e-4)


def test_the_same_whatever_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["precision-recall", "density-coverage", "nearest"]
    sides = normal(50), normal(41, seed=1)
    whole = [parse(name).measure(*map(Side, sides)) for name in names]
    monkeypatch.setattr(neighbours, "SIDE", 7)
    assert [parse(name).measure(*map(Side, sides)) for name in names] == whole


@pytest.mark.parametrize(("name", "k"), [("precision-recall", 50), ("density-coverage", 60)])
def test_too_few_images_for_k(name: str, k: int) -> None:
    with pytest.raises(MetricError, match=f"k = {k} needs at least {k + 1} images"):
        parse(name, k=k).measure(Side(normal(60)), Side(normal(50)))


def test_equals_torch_fidelity() -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_prc", reason="torch-fidelity is a peer")
    import torch

    real_ND, fake_ND = np.abs(normal(500, 24)), np.abs(normal(400, 24, 1, 0.2))
    found = parse("precision-recall").measure(Side(real_ND), Side(fake_ND))
    expected = theirs.prc_features_to_metric(
        torch.from_numpy(fake_ND),
        torch.from_numpy(real_ND),
        prc_neighborhood=3,
        prc_batch_size=10_000,
        save_cpu_ram=False,
        verbose=False,
    )
    assert 0.1 < found["precision"] < 0.9
    assert found == pytest.approx(expected, rel=1e-6)
