"""The reals are measured in a Ray task that tells how far it is, and survives a lost process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animesearch.errors import DataError
from animesearch.metrics.features import FEATURES
from animesearch.metrics.reals import Reals
from animesearch.tuning import tasks
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.prepare import Prepared, load_search, prepare
from animesearch.tuning.resources import Machine
from animesearch.tuning.tasks import (
    MARKS,
    Passing,
    find_nearest,
    measure_reals,
    measure_references,
)
from tests.metrics.samples import smooth_images
from tests.tuning import dying
from tests.tuning.small import write_space

SPEC = FEATURES.parse({"name": "random", "dim": 8})
STAGE = "features of the real images"


def told(images: np.ndarray) -> list[int | Reals]:
    return [*measure_reals(images, "d", Passing(SPEC), [20, 10])]


@pytest.mark.parametrize("count", [2, 49, 333])
def test_marks_depend_on_the_count_alone(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is repeated must yield as often, though the cache knows all by then."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path))
    images = smooth_images(count)
    *first, found = told(images)
    *second, again = told(images)
    assert first == second == sorted({count * part // MARKS for part in range(1, MARKS)} - {0})
    assert isinstance(found, Reals) and isinstance(again, Reals)
    assert (found.floors, found.statistics.key) == (again.floors, again.statistics.key)
    assert found.floors.keys() == (set() if count < 4 else {20, 10})


def test_what_follows_needs_no_other_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: list[int]
) -> None:
    """The memorisation gap of the finals and the nearest images, as without a cache."""
    images = smooth_images(90)
    fakes = images[[7, 44]]
    places = range(0, 60, 2)

    def found() -> tuple[Any, Any]:
        gap = measure_references(images, "d", Passing(SPEC), 60)
        return gap, find_nearest(images, "d", Passing(SPEC), fakes, places)

    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "empty"))
    usual_gap, usual = found()
    assert sum(passed) == 2 * 30 + 30 + 2 and not (tmp_path / "empty").exists()
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "full"))
    told(images)
    passed.clear()
    gap, near = found()
    assert sum(passed) == 2, "the samples alone"
    assert near.index_M.tolist() == usual.index_M.tolist() and near.index_M[1] == 44
    np.testing.assert_allclose(near.distance_M, usual.distance_M, atol=1e-6)
    for one, other in ((gap.trained, usual_gap.trained), (gap.held, usual_gap.held)):
        assert one.count == other.count == 30
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-5, atol=1e-7)


def test_batches_are_as_large_as_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: list[int]
) -> None:
    """Of the reals, of the samples, and of the images held out."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "none"))
    images = smooth_images(30)
    passing = Passing(SPEC, batch=7)
    measure_references(images, "d", passing, 20)
    find_nearest(images, "d", passing, images[:9], range(10))
    assert passed == [7, 7, 6, 7, 2, 7, 3]
    assert [*measure_reals(images, "d", passing, [5])] and passed[7:] == [7, 7, 7, 7, 2]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def machine(cache: Path) -> Iterator[Machine]:
    """A real Ray, whose workers know the cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANIMESEARCH_CACHE", str(cache))
        with ray_session() as found:
            yield found


def prepared(tmp_path: Path, machine: Machine, count: int) -> tuple[list[int], Prepared]:
    """What is told of the pass over ``count`` reals, and what it gave."""
    stages: list[tuple[str, int, int]] = []
    search = load_search(str(write_space(tmp_path)), [f"dataset.source.count={count}"])
    found = prepare(search, machine, lambda *call: stages.append(call))
    mine = [(done, total) for stage, done, total in stages if stage == STAGE]
    assert {total for _, total in mine} == {count}
    return [done for done, _ in mine], found


def test_the_pass_is_shown_and_made_once(tmp_path: Path, machine: Machine, cache: Path) -> None:
    first, found = prepared(tmp_path, machine, 300)
    assert first == sorted(first) and (first[0], first[-1]) == (0, 300) and len(first) == MARKS + 1
    kept = {path: path.stat().st_ino for path in (cache / "features").iterdir()}
    assert sorted(path.suffixes[0] for path in kept) == [".features", ".floor", ".npz"]
    second, again = prepared(tmp_path, machine, 300)
    assert (second, again.floors) == (first, found.floors)
    assert again.real.key == found.real.key
    assert kept == {path: path.stat().st_ino for path in (cache / "features").iterdir()}


@pytest.mark.parametrize(
    ("count", "measure"), [(310, dying.dies_half_way), (320, dying.dies_before_it_answers)]
)
def test_a_process_that_is_lost_costs_the_pass_alone(
    tmp_path: Path,
    machine: Machine,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    measure: Any,
) -> None:
    (cache / "died").unlink(missing_ok=True)
    monkeypatch.setattr(tasks, "measure_reals", measure)
    marks, found = prepared(tmp_path, machine, count)
    assert (cache / "died").exists()
    assert marks == sorted(marks) and marks[-1] == count == found.real.count
    assert found.floors.keys() == {48}


def test_reals_without_spread_end_the_preparation(tmp_path: Path, machine: Machine) -> None:
    folder = tmp_path / "same"
    folder.mkdir()
    for number in range(5):
        Image.new("RGB", (20, 20), (9, 99, 199)).save(folder / f"{number}.png")
    search = load_search(str(write_space(tmp_path)), [f"dataset.source={folder}"])
    with pytest.raises(DataError) as caught:
        prepare(search, machine, lambda *_: None)
    words = "the real images cannot be measured: all 5 images have the same features: no spread"
    assert str(caught.value) == words
