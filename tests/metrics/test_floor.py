"""The floor of a metric: two halves of the reals, as many as a score has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics.features import FEATURES
from animesearch.metrics.floor import FloorStream, floor_distance
from animesearch.metrics.reals import RealImages
from tests.metrics.samples import smooth_images

SPEC = FEATURES.parse({"name": "random", "dim": 24})
REALS = smooth_images(120, 32, seed=1)


def test_fewer_samples_have_a_higher_floor() -> None:
    """The bias of small counts, which scores share."""
    network = SPEC.build("cpu")
    means = [
        np.mean([floor_distance(REALS, network, samples, seed=s) for s in range(4)])
        for samples in (5, 20, 60)
    ]
    assert means[0] > means[1] > means[2] > 0


def test_neither_batches_nor_the_kind_of_array_count() -> None:
    network = SPEC.build("cpu")
    one = floor_distance(REALS, network, 30)
    assert floor_distance(REALS, network, 30, batch=7) == pytest.approx(one, rel=1e-4)
    assert floor_distance(REALS, network, 30, seed=1) != one


def test_four_images_are_needed() -> None:
    with pytest.raises(MetricError, match="at least 4 images, there are 3"):
        floor_distance(REALS[:3], SPEC.build("cpu"), 2)


@pytest.mark.parametrize("part", [1, 7, 50, 120])
@pytest.mark.parametrize("samples", [5, 30, 1000])
def test_parts_give_the_floor_of_the_whole(part: int, samples: int) -> None:
    import torch

    network = SPEC.build("cpu")
    features_ND = network(torch.from_numpy(REALS)).numpy()
    floor = FloorStream(len(REALS), samples)
    for start in range(0, len(REALS), part):
        floor.add(features_ND[start : start + part])
    assert floor.distance() == pytest.approx(floor_distance(REALS, network, samples), rel=1e-4)


def cached_floor(
    cache: Path, images: np.ndarray = REALS, samples: int = 30, digest: str = "a"
) -> float | None:
    steps = RealImages(images, SPEC, digest, cache=cache).measured(samples)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            floor: float | None = end.value.floor
            return floor


def test_it_is_kept_under_what_it_depends_on(tmp_path: Path) -> None:
    def found(images: np.ndarray = REALS, samples: int = 30, digest: str = "a") -> float | None:
        return cached_floor(tmp_path, images, samples, digest)

    first = found()
    assert first == pytest.approx(floor_distance(REALS, SPEC.build("cpu"), 30), rel=1e-4)
    assert first == found()
    assert len(list(tmp_path.rglob("*.floor.json"))) == 1
    found(samples=20), found(digest="b"), found(REALS[:60])
    assert len(list(tmp_path.rglob("*.floor.json"))) == 4
    assert found(REALS[:3]) is None


@pytest.mark.parametrize("broken", ["", "{", '{"floor": NaN}', '{"floor": "x"}', "[]"])
def test_a_broken_file_is_measured_again(broken: str, tmp_path: Path) -> None:
    first = cached_floor(tmp_path)
    (path,) = tmp_path.rglob("*.floor.json")
    path.write_text(broken)
    assert cached_floor(tmp_path) == first
    assert path.read_text() != broken
