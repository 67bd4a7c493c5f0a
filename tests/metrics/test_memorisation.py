"""The gap between the distances to seen and to unseen images."""

from __future__ import annotations

import numpy as np
import pytest

from animesearch.metrics.features import FEATURES
from animesearch.metrics.kept import Rows
from animesearch.metrics.memorisation import references
from tests.metrics.samples import smooth_images

NETWORK = FEATURES.parse({"name": "random", "dim": 24}).build("cpu")
IMAGES = smooth_images(400, 32, seed=1)


def features(images: np.ndarray) -> np.ndarray:
    import torch

    return NETWORK(torch.from_numpy(images)).numpy()


def of(rows: Rows) -> np.ndarray:
    return features(IMAGES[np.asarray(rows)])


def test_copies_of_training_images_stand_out() -> None:
    found = references(100, 100, of)
    assert found is not None
    copied, fresh = found.gap(features(IMAGES[:100])), found.gap(features(IMAGES[200:]))
    assert copied > 0
    assert abs(fresh) < copied / 2
    assert found.gap(features(IMAGES[100:200])) == pytest.approx(-copied, rel=0.5)


def test_both_sides_count_the_same() -> None:
    found = references(300, 40, of)
    assert found is not None
    assert found.trained.count == found.held.count == 40


def test_without_held_out_images_there_is_none() -> None:
    assert references(300, 1, of) is None
