"""Inception and Vendi score, of which the extremes are known."""

from __future__ import annotations

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics.measures import Side
from tests.metrics.measures.samples import normal, parse


def inception(logits_NK: object, **options: object) -> dict[str, float]:
    logits = np.asarray(logits_NK, dtype=np.float32)
    return parse("inception-score", **options).measure(None, Side(normal(len(logits)), logits))


def vendi(features_ND: object, **options: object) -> float:
    features = np.asarray(features_ND, dtype=np.float32)
    return parse("vendi", **options).measure(None, Side(features))["vendi"]


def test_undecided_classes_score_1() -> None:
    found = inception(np.full((40, 7), 3.0))
    assert found == {
        "inception_score": pytest.approx(1.0),
        "inception_score_sd": pytest.approx(0.0, abs=1e-12),
    }


@pytest.mark.parametrize("sure", [50.0, 1e4])
def test_sure_and_balanced_classes_score_their_number(sure: float) -> None:
    logits_NK = sure * np.eye(5)[np.arange(100) % 5]
    assert inception(logits_NK, splits=1)["inception_score"] == pytest.approx(5.0)


def test_sure_of_one_class_scores_1() -> None:
    assert inception(100 * np.eye(5)[[2] * 20])["inception_score"] == pytest.approx(1.0)


def test_inception_score_by_hand() -> None:
    """p = (3/4, 1/4) and (1/4, 3/4): KL to (1/2, 1/2) is 3/4 ln 3/2 + 1/4 ln 1/2 for both."""
    log3 = np.log(3.0)
    expected = 1.5**0.75 * 0.5**0.25
    found = inception([[log3, 0.0], [0.0, log3]], splits=1)
    assert found["inception_score"] == pytest.approx(expected, rel=1e-6)


def test_too_few_images_for_the_splits() -> None:
    with pytest.raises(MetricError, match="10 splits need as many images, there are 9"):
        inception(np.eye(9))


@pytest.mark.parametrize("splits", [1, 10, 7])
def test_inception_score_equals_torch_fidelity(splits: int) -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_isc", reason="torch-fidelity is a peer")
    import torch

    logits_NK = 3.0 * normal(203, 20)
    expected = theirs.isc_features_to_metric(torch.from_numpy(logits_NK), splits=splits)
    found = inception(logits_NK, splits=splits)
    assert found["inception_score"] == pytest.approx(expected["inception_score_mean"], rel=1e-9)
    assert found["inception_score_sd"] == pytest.approx(
        expected["inception_score_std"], rel=1e-7, abs=1e-12
    )


@pytest.mark.parametrize("kernel", ["cosine", "rbf"])
@pytest.mark.parametrize("count", [3, 30])
def test_equal_images_count_as_one(kernel: str, count: int) -> None:
    features_ND = np.tile(normal(1, 12), (count, 1))
    assert vendi(features_ND, kernel=kernel) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("copies", [1, 4])
def test_orthogonal_images_count_each(copies: int) -> None:
    """Whatever their lengths and the copies of each."""
    features_ND = np.repeat(np.diag(np.arange(1.0, 7.0)), copies, axis=0)
    assert vendi(features_ND) == pytest.approx(6.0)


def test_two_images_at_an_angle() -> None:
    """cos 60° = 1/2: eigenvalues 3/4 and 1/4."""
    expected = np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    assert vendi([[1, 0], [0.5, np.sqrt(0.75)]]) == pytest.approx(expected, rel=1e-6)


def test_rbf_by_hand() -> None:
    """Unit vectors at 90° lie √2 apart: similarity exp(-1/σ²)."""
    for bandwidth in (1.0, 0.7):
        same = np.exp(-1.0 / bandwidth**2)
        shares = np.array([(1 + same) / 2, (1 - same) / 2])
        expected = np.exp(-(shares * np.log(shares)).sum())
        assert vendi(np.eye(2), kernel="rbf", bandwidth=bandwidth) == pytest.approx(expected)
    assert vendi(np.eye(9), kernel="rbf", bandwidth=0.1) == pytest.approx(9.0)


def test_both_gram_matrices_give_the_same() -> None:
    wide_ND = np.concatenate([normal(40, 30), np.zeros((40, 20))], axis=1)
    assert vendi(wide_ND) == pytest.approx(vendi(wide_ND[:, :30]), rel=1e-9)


def test_vendi_refuses_what_has_no_direction_and_too_large_kernels() -> None:
    features_ND = normal(5)
    features_ND[2] = 0.0
    with pytest.raises(MetricError, match="1 images have features that are all zero"):
        vendi(features_ND)
    with pytest.raises(MetricError, match="at most 10000 images, not 10001"):
        vendi(normal(10_001, 1), kernel="rbf")
