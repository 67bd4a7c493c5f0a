"""The nearest training images: found, kept, and found once only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animesearch.datasets.shared import PackedAt
from animesearch.results.folder import RunFolder
from animesearch.results.nearest import (
    NearestImages,
    Neighbours,
    nearest_file,
    nearest_row,
    read_nearest,
    thumbnail_file,
)
from animesearch.results.records import RungReported, TrialCreated
from animesearch.results.state import TrialRecord
from animesearch.results.views import View
from animesearch.trainers.sampling import grid_image
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.nearest import cut, keep_nearest, nearer, searched
from animesearch.tuning.prepare import Prepared, load_search, prepare
from animesearch.tuning.tasks import Near
from tests.tuning.small import write_space


class Notes(View):
    """What a view is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.stages: list[tuple[str, int, int]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stage(self, name: str, done: int, total: int) -> None:
        self.stages.append((name, done, total))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Data and features of the small search, under a real Ray."""
    with pytest.MonkeyPatch.context() as patch, ray_session() as machine:
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        space = write_space(tmp_path_factory.mktemp("space"))
        search = load_search(str(space), ["dataset.holdout=0.25"])
        yield prepare(search, machine, lambda *_: None)


def trial(*rungs: tuple[int, float]) -> TrialRecord:
    made = TrialCreated(
        at=0.0, trial_id="t0000", number=0, config_id="c", seed=0, params={}, config={}
    )
    reports = {
        rung: RungReported(at=0.0, trial_id="t0000", attempt=1, rung=rung, images=images, score=s)
        for rung, (images, s) in enumerate(rungs)
    }
    return TrialRecord(made, rungs=reports)


def write_grid(folder: RunFolder, images: int, cells_MCHW: np.ndarray) -> None:
    path = folder.trial("t0000") / "grids" / f"{images:09d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    grid_image(cells_MCHW, 3).save(path)


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_cut_out_as_they_were_drawn(tmp_path: Path, channels: int) -> None:
    cells_MCHW = np.random.default_rng(0).integers(0, 256, (6, channels, 8, 8), np.uint8)
    path = tmp_path / "grid.png"
    grid_image(cells_MCHW, 3).save(path)
    assert np.array_equal(cut(path, (2, 3), (channels, 8, 8)), cells_MCHW)
    assert cut(path, (3, 2), (channels, 8, 8)) is None, "another shape"
    path.write_bytes(path.read_bytes()[:40])
    assert cut(path, (2, 3), (channels, 8, 8)) is None
    assert cut(tmp_path / "none.png", (2, 3), (channels, 8, 8)) is None


def test_a_large_set_is_looked_through_in_part() -> None:
    assert searched(10, 10) == range(10)
    assert searched(10, 4) == range(0, 10, 3)
    assert len(searched(50_001, 50_000)) <= 50_000


def test_parts_are_put_together_with_the_first_of_equals() -> None:
    one = Near(np.array([1, 2, 3]), np.array([0.5, 2.0, 1.0]))
    two = Near(np.array([7, 8, 9]), np.array([0.5, 1.0, 4.0]))
    found = nearer([one, two])
    assert found.index_M.tolist() == [1, 8, 3]
    assert found.distance_M.tolist() == [0.5, 1.0, 1.0]


@pytest.mark.parametrize("mode", ["packed", "stream"])
def test_copies_of_training_images_are_found(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Images of the training set itself as samples; one that was held out is no copy."""
    monkeypatch.setattr("animesearch.tuning.nearest.LEAST", 20)  # more than one task
    folder, view, packed = RunFolder(tmp_path), Notes(), prepared.packed
    if mode == "stream":
        prepared = replace(prepared, pixels=PackedAt(packed.folder, packed.pixels_digest))
    copies, held = [70, 3, 3, 0, 41], packed.train_count
    write_grid(folder, 512, packed.images_NCHW[[*copies, held]])
    write_grid(folder, 256, packed.images_NCHW[[5] * 6])
    write_grid(folder, 128, packed.images_NCHW[[6] * 6])
    keep_nearest(folder, prepared, [trial((128, 3.0), (256, 1.0), (512, 2.0))], view)
    found = read_nearest(folder, "t0000")
    assert found is not None and set(found.grids) == {256, 512}, "the best and the last"
    assert found.grids[256].index == (5,) * 6 and found.grids[256].distance == (0.0,) * 6
    assert found.grids[512].index[:5] == tuple(copies)
    assert found.grids[512].distance[:5] == (0.0,) * 5
    assert found.grids[512].index[5] < held and found.grids[512].distance[5] > 0
    assert (found.metric, found.searched, found.training) == ("fd-random", held, held)
    with Image.open(thumbnail_file(folder, 70)) as picture:
        assert np.array_equal(np.asarray(picture).transpose(2, 0, 1), packed.images_NCHW[70])
    assert view.stages[-1][1:] == (len(view.stages) - 1,) * 2 and view.notes == []


def test_a_repeated_finish_finds_nothing_to_do(prepared: Prepared, tmp_path: Path) -> None:
    folder, images = RunFolder(tmp_path), prepared.packed.images_NCHW
    write_grid(folder, 128, images[:6])
    keep_nearest(folder, prepared, [trial((128, 3.0))], Notes())
    before = nearest_file(folder, "t0000").stat().st_ino
    again = Notes()
    keep_nearest(folder, prepared, [trial((128, 3.0))], again)
    assert again.stages == [] and nearest_file(folder, "t0000").stat().st_ino == before
    write_grid(folder, 256, images[6:12])
    keep_nearest(folder, prepared, [trial((128, 3.0), (256, 4.0))], again)
    found = read_nearest(folder, "t0000")
    assert found is not None
    assert found.grids[128].index == tuple(range(6)), "what was known stays"
    assert found.grids[256].index == tuple(range(6, 12))


def test_nothing_is_looked_for_where_the_space_says_so(prepared: Prepared, tmp_path: Path) -> None:
    config = prepared.search.config
    none = config.search.final.model_copy(update={"nearest": 0})
    search = config.search.model_copy(update={"finalists": none})
    changed = replace(prepared.search, config=config.model_copy(update={"search": search}))
    write_grid(RunFolder(tmp_path), 128, prepared.packed.images_NCHW[:6])
    unwanted = replace(prepared, search=changed)
    keep_nearest(RunFolder(tmp_path), unwanted, [trial((128, 3.0))], Notes())
    assert not nearest_file(RunFolder(tmp_path), "t0000").exists()


def test_a_fault_costs_the_pictures_only(prepared: Prepared, tmp_path: Path) -> None:
    """A packed set that went away meanwhile."""
    gone = replace(prepared, pixels=PackedAt(tmp_path / "gone", prepared.packed.pixels_digest))
    view = Notes()
    write_grid(RunFolder(tmp_path), 128, prepared.packed.images_NCHW[:6])
    keep_nearest(RunFolder(tmp_path), gone, [trial((128, 3.0))], view)
    assert len(view.notes) == 1 and "could not be found" in view.notes[0]
    assert view.stages[-1][1] == view.stages[-1][2]
    assert not nearest_file(RunFolder(tmp_path), "t0000").exists()


def test_a_broken_record_counts_as_none(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    path = nearest_file(folder, "t0000")
    path.parent.mkdir(parents=True)
    near = Neighbours(index=(4,), distance=(0.5,))
    whole = NearestImages(metric="fid", data="d", searched=9, training=10, grids={128: near})
    path.write_text(whole.model_dump_json())
    found = read_nearest(folder, "t0000")
    assert found == whole
    assert nearest_row(found, 128) == {
        "pictures": ["data/nearest/000004.png"],
        "distances": [0.5],
        "searched": 9,
        "training": 10,
    }
    assert nearest_row(found, 256) is None
    for text in ("", "[]", whole.model_dump_json().replace("[4]", "[4, 5]"), '{"format": 2}'):
        path.write_text(text)
        assert read_nearest(folder, "t0000") is None
