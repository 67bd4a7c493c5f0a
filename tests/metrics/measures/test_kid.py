"""KID against the formula written out, and torch-fidelity on the same subsets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from animesearch.metrics.measures import Side
from tests.metrics.measures.samples import normal, parse, rows


def written_out(x_ND: npt.NDArray[np.float32], y_MD: npt.NDArray[np.float32]) -> float:
    """Unbiased MMD² by loops over pairs of different images."""
    x, y = x_ND.astype(float), y_MD.astype(float)

    def kernel(a_D: npt.NDArray[np.float64], b_D: npt.NDArray[np.float64]) -> float:
        return float((a_D @ b_D / len(a_D) + 1.0) ** 3)

    def within(z_ND: npt.NDArray[np.float64]) -> float:
        count = range(len(z_ND))
        return float(np.mean([kernel(z_ND[i], z_ND[j]) for i in count for j in count if i != j]))

    return within(x) + within(y) - 2.0 * float(np.mean([[kernel(a, b) for b in y] for a in x]))


def test_worked_out_by_hand() -> None:
    """d = 1: reals 0 and 1 have k = 1, fakes 1 and 2 have k = 27, across: 1, 1, 8, 27."""
    found = parse("kid").measure(Side(rows([0.0], [1.0])), Side(rows([1.0], [2.0])))
    assert found["kid"] == pytest.approx(1.0 + 27.0 - 2.0 * 37.0 / 4.0)
    assert found["kid_sd"] == pytest.approx(0.0, abs=1e-12)


def test_all_images_in_every_subset_is_the_formula() -> None:
    real_ND, fake_ND = normal(20, 5), normal(20, 5, 1, 0.5)
    found = parse("kid", subsets=7).measure(Side(real_ND), Side(fake_ND))
    assert found["kid"] == pytest.approx(written_out(real_ND, fake_ND), rel=1e-10)


@pytest.mark.parametrize(("subsets", "size"), [(4, 10), (300, 40)], ids=["apart", "at once"])
def test_the_subsets_one_by_one(subsets: int, size: int) -> None:
    """Few small subsets are computed apart, many out of one kernel matrix."""
    real_ND, fake_ND = normal(90, 5), normal(60, 5, 1, 0.5)
    rng = np.random.RandomState(3)
    expected = []
    for _ in range(min(subsets, 12)):
        fake_rows = rng.choice(60, size, replace=False)
        real_rows = rng.choice(90, size, replace=False)
        expected.append(written_out(real_ND[real_rows], fake_ND[fake_rows]))
    spec = parse("kid", subsets=min(subsets, 12), size=size, seed=3)
    found = spec.measure(Side(real_ND), Side(fake_ND))
    assert found["kid"] == pytest.approx(np.mean(expected), rel=1e-9)
    assert found["kid_sd"] == pytest.approx(np.std(expected), rel=1e-9)


def test_unbiased_at_any_count() -> None:
    """For one distribution the mean over draws is 0, unlike the Fréchet distance's."""
    spec = parse("kid", subsets=1)
    found = [
        spec.measure(Side(normal(20, 4, seed)), Side(normal(20, 4, seed + 500)))["kid"]
        for seed in range(200)
    ]
    assert abs(np.mean(found)) < 3.0 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0.0 < max(found)


@pytest.mark.parametrize(("subsets", "size"), [(3, 100), (40, 250)])
def test_equals_torch_fidelity(subsets: int, size: int) -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_kid", reason="torch-fidelity is a peer")
    import torch

    real_ND, fake_ND = np.abs(normal(400, 64)), np.abs(normal(300, 64, 1, 0.2))
    found = parse("kid", subsets=subsets, size=size).measure(Side(real_ND), Side(fake_ND))
    expected = theirs.kid_features_to_metric(
        torch.from_numpy(fake_ND),
        torch.from_numpy(real_ND),
        kid_subsets=subsets,
        kid_subset_size=size,
        rng_seed=2020,
        verbose=False,
    )
    assert found["kid"] == pytest.approx(expected["kernel_inception_distance_mean"], abs=1e-5)
    assert found["kid_sd"] == pytest.approx(expected["kernel_inception_distance_std"], abs=1e-5)
