"""The floor of a metric: two halves of the reals, as many as a score has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics.features import FEATURES
from animesearch.metrics.floor import FloorStream
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.reals import RealImages, Reals
from tests.metrics.samples import Images, smooth_images

SPEC = FEATURES.parse({"name": "random", "dim": 24})
REALS = smooth_images(120, 32, seed=1)


@pytest.fixture(scope="module")
def features_ND() -> np.ndarray:
    import torch

    found: np.ndarray = SPEC.build("cpu")(torch.from_numpy(REALS)).numpy()
    return found


def streamed(features_ND: np.ndarray, *samples: int, part: int = 50, seed: int = 0) -> list[float]:
    """Floors at these numbers of samples, of features that come in parts."""
    floor = FloorStream(len(features_ND), samples, seed)
    for start in range(0, len(features_ND), part):
        floor.add(features_ND[start : start + part])
    return [*floor.distances().values()]


def test_fewer_samples_have_a_higher_floor(features_ND: np.ndarray) -> None:
    """The bias of small counts, which scores share."""
    means = np.mean([streamed(features_ND, 5, 20, 60, seed=seed) for seed in range(4)], axis=0)
    assert means[0] > means[1] > means[2] > 0


@pytest.mark.parametrize("part", [1, 7, 50, 120])
def test_it_is_the_distance_between_two_disjoint_halves(features_ND: np.ndarray, part: int) -> None:
    """However the features come, and whatever other numbers of samples are asked for."""
    order = np.random.default_rng(3).permutation(120)
    reference = GaussianFactor.fitted(features_ND[np.sort(order[:60])])
    expected = [
        frechet_distance(reference, features_ND[np.sort(order[60:][:number])])
        for number in (30, 5, 1000)
    ]
    assert streamed(features_ND, 30, 5, 1000, part=part, seed=3) == pytest.approx(expected)
    assert streamed(features_ND, 5, part=part, seed=3) == pytest.approx(expected[1:2])


def test_four_images_are_needed() -> None:
    with pytest.raises(MetricError, match="at least 4 images, there are 3"):
        FloorStream(3, [2])


def cached_floors(
    cache: Path, *samples: int, images: Images = REALS, digest: str = "a"
) -> list[float]:
    *_, found = RealImages(images, SPEC, digest, cache=cache).measured(samples)
    assert isinstance(found, Reals)
    return [found.floors[number] for number in samples if number in found.floors]


def test_they_are_kept_under_what_they_depend_on(
    tmp_path: Path, features_ND: np.ndarray, passed: list[int]
) -> None:
    first = cached_floors(tmp_path, 30, 20)
    assert first == pytest.approx(streamed(features_ND, 30, 20), rel=1e-4)
    assert cached_floors(tmp_path, 20, 30) == first[::-1]
    assert len(list(tmp_path.rglob("*.floor.json"))) == 2 and sum(passed) == 120
    cached_floors(tmp_path, 30, 25)
    assert sum(passed) == 120, "another number of samples needs no other pass"
    cached_floors(tmp_path, 30, digest="b")
    cached_floors(tmp_path, 30, images=REALS[:60])
    assert len(list(tmp_path.rglob("*.floor.json"))) == 5
    assert cached_floors(tmp_path, 30, images=REALS[:3]) == []


def test_halves_of_one_image_have_none() -> None:
    """The statistics are measured all the same."""
    four = REALS[[0, 0, 0, 1]]
    *_, found = RealImages(four, SPEC, "a").measured([2])
    assert isinstance(found, Reals) and found.floors == {} and found.statistics.count == 4


@pytest.mark.parametrize("broken", ["", "{", '{"floor": NaN}', '{"floor": 1.5}', "[]", "digit"])
def test_a_damaged_file_is_measured_again(broken: str, tmp_path: Path) -> None:
    (first,) = cached_floors(tmp_path, 30)
    (path,) = tmp_path.rglob("*.floor.json")
    whole = path.read_text()
    digit = whole.index(".") + 3
    other = str(9 - int(whole[digit]))
    path.write_text(whole[:digit] + other + whole[digit + 1 :] if broken == "digit" else broken)
    assert cached_floors(tmp_path, 30) == [first]
    assert path.read_text() == whole


def test_the_file_of_another_floor_is_not_taken(tmp_path: Path) -> None:
    first = cached_floors(tmp_path, 30, 5)
    one, other = sorted(tmp_path.rglob("*.floor.json"))
    other.write_bytes(one.read_bytes())
    assert cached_floors(tmp_path, 30, 5) == first
