"""After the race: what fresh scores are measured by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import ray as the_ray

from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.finish import _yardstick
from animesearch.tuning.prepare import Prepared, load_search, prepare
from tests.tuning.small import write_space
from tests.tuning.test_nearest import Notes


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Data and features of the small search, a quarter of it held out, under a real Ray."""
    with pytest.MonkeyPatch.context() as patch, ray_session() as machine:
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        space = write_space(tmp_path_factory.mktemp("space"))
        more = ["dataset.holdout=0.25", "search.finalists.samples=96", "metric.batch=20"]
        yield prepare(load_search(str(space), more), machine, lambda *_: None)


def of_pixels(prepared: Prepared, pixels_NCHW: np.ndarray, digest: str) -> Prepared:
    """The same search over other images."""
    manifest = prepared.packed.manifest.model_copy(update={"pixels_digest": digest})
    packed = replace(prepared.packed, manifest=manifest)
    return replace(prepared, packed=packed, pixels=the_ray.put(pixels_NCHW))


def test_the_floor_is_known_at_every_number_of_samples(prepared: Prepared) -> None:
    """Half of the 96 reals are fewer than the 96 samples of fresh scores."""
    assert prepared.floors.keys() == {48, 96}
    assert prepared.floors[48] == prepared.floors[96] > 0


def test_batches_are_those_of_the_space(prepared: Prepared) -> None:
    assert prepared.passing == (prepared.choice.spec, "cpu", 20)


def test_memorisation_is_measured_against_equally_many(prepared: Prepared) -> None:
    view = Notes()
    found = _yardstick(prepared, view).references
    assert found is not None and view.notes == []
    assert found.held.count == found.trained.count == prepared.packed.manifest.heldout > 2


@pytest.mark.parametrize("kind", ["held-out", "training"])
def test_images_that_are_all_one_cost_the_memorisation_alone(prepared: Prepared, kind: str) -> None:
    """The end of a search is not lost to them, and the person hears which they are."""
    train = prepared.packed.train_count
    same_NCHW = prepared.packed.images_NCHW.copy()
    part = slice(train, None) if kind == "held-out" else slice(train)
    same_NCHW[part] = same_NCHW[0]
    view, count = Notes(), prepared.packed.manifest.heldout
    found = _yardstick(of_pixels(prepared, same_NCHW, kind), view)
    assert found.references is None and found.real is prepared.real
    words = f"the {kind} images: all {count} images have the same features: no spread"
    assert view.notes == [f"memorisation is not measured: {words}"]
