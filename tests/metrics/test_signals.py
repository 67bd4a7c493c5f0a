"""Diversity of samples: known answers, twins, and what cannot be measured."""

from __future__ import annotations

import math

import pytest
import torch

from animesearch.errors import MetricError
from animesearch.metrics.signals import diversity
from tests.metrics.samples import smooth_images


def images(count: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(smooth_images(count, 32, seed=seed))


def test_known_distances() -> None:
    flat = torch.tensor([0.0, 1.0, 3.0]).reshape(3, 1, 1, 1).expand(3, 3, 4, 4)
    assert diversity(flat) == pytest.approx((1 + 1 + 2) / 3)


def test_uint8_is_scaled_to_minus_one_to_one() -> None:
    assert diversity(images()) == pytest.approx(diversity(images().float() / 127.5 - 1), rel=1e-6)


def test_order_does_not_matter_and_scale_does() -> None:
    x = images().float()
    assert diversity(x.flip(0)) == pytest.approx(diversity(x))
    assert diversity(3 * x + 5) == pytest.approx(3 * diversity(x), rel=1e-5)


def test_repeated_images_have_none() -> None:
    """Four different images four times: the mean over all pairs would hardly notice."""
    assert diversity(images(4).repeat(4, 1, 1, 1)) == 0.0
    assert diversity(torch.full((8, 3, 4, 4), 0.2)) == 0.0


def test_near_twins_do_not_cancel() -> None:
    x = 1.0 + torch.arange(4).reshape(4, 1, 1, 1).expand(4, 3, 32, 32) * 1e-5
    assert diversity(x) == pytest.approx(1e-5, rel=0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_samples_give_nan_for_the_verdict(bad: float) -> None:
    x = images().float()
    x[3, 0, 0, 0] = bad
    assert math.isnan(diversity(x))


def test_what_cannot_be_measured() -> None:
    with pytest.raises(MetricError, match="at least 2 images"):
        diversity(images(1))
