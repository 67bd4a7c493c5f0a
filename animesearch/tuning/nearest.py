"""The training image nearest to each sample of the best trials' grids.

Samples that look like one of the images that they were learnt from may be copies of it; a person
judges that by eye, so the pair has to be found and kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from animesearch.files import write_atomic
from animesearch.results.folder import RunFolder
from animesearch.results.nearest import (
    MOST_CELLS,
    THUMBNAIL,
    NearestImages,
    Neighbours,
    nearest_file,
    read_nearest,
    thumbnail_file,
)
from animesearch.results.state import TrialRecord
from animesearch.results.views import View
from animesearch.tuning.prepare import Prepared
from animesearch.tuning.tasks import Near, find_nearest

Pixels: TypeAlias = npt.NDArray[np.uint8]
STAGE = "nearest training images"
GAP = 2
"""White pixels between the samples of a grid."""
LEAST = 2000
"""Training images from which on one task more looks through them."""


@dataclass(frozen=True)
class Sheet:
    """The samples of one grid of a trial, cut out of its picture."""

    trial_id: str
    images: int
    cells_MCHW: Pixels


def keep_nearest(
    folder: RunFolder, prepared: Prepared, trials: Sequence[TrialRecord], view: View
) -> None:
    """Write ``nearest.json`` of each of ``trials``, and the thumbnails that it names.

    What is there already is not looked for again.  Nothing is done where the space says so.
    """
    import ray

    most = prepared.search.config.search.final.nearest
    if not most:
        return
    places = searched(prepared.packed.train_count, most)
    blank = _blank(prepared, places)
    sheets = [sheet for trial in trials for sheet in _missing(folder, prepared, trial, blank)]
    if not sheets:
        return
    try:
        near = _search(prepared, np.concatenate([s.cells_MCHW for s in sheets]), places, view)
    except ray.exceptions.RayError as error:  # a picture that is missing costs no search
        view.note(f"{STAGE} could not be found: {str(error).strip().splitlines()[-1]}")
        view.stage(STAGE, 1, 1)
        return
    _keep_thumbnails(folder, prepared.packed.train_images, near.index_M)
    _keep_records(folder, sheets, near, blank)


def searched(count: int, most: int) -> range:
    """At most ``most`` of ``count`` training images, evenly spaced; all where there are no more."""
    return range(0, count, -(-count // most))


def _blank(prepared: Prepared, places: range) -> NearestImages:
    """What all records of this search have in common."""
    packed = prepared.packed
    return NearestImages(
        metric=prepared.choice.spec.metric_name,
        data=packed.pixels_digest,
        searched=len(places),
        training=packed.train_count,
        grids={},
    )


def _missing(
    folder: RunFolder, prepared: Prepared, trial: TrialRecord, blank: NearestImages
) -> Iterator[Sheet]:
    """The grids of the trial's best rung and of its last, unless they were looked at before."""
    known = read_nearest(folder, trial.trial_id)
    done = known.grids if known and known.same_search(blank) else {}
    reports = {report.images for report in (trial.best, trial.last) if report is not None}
    for images in sorted(reports - set(done)):
        path = folder.trial(trial.trial_id) / "grids" / f"{images:09d}.png"
        cells = cut(path, prepared.search.config.search.grid, prepared.packed.images_NCHW.shape[1:])
        if cells is not None:
            yield Sheet(trial.trial_id, images, cells[:MOST_CELLS])


def cut(path: Path, grid: tuple[int, int], shape: tuple[int, ...]) -> Pixels | None:
    """The samples (M, C, H, W) of a grid's picture, row by row, ``shape`` (C, H, W) each.

    None for a picture that is missing, broken or of another size.
    """
    (rows, columns), (channels, height, width) = grid, shape
    try:
        with Image.open(path) as picture:
            sheet_HWC = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    sheet_HWC = sheet_HWC.reshape(*sheet_HWC.shape[:2], channels)
    if sheet_HWC.shape[:2] != (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP):
        return None
    cells = [
        sheet_HWC[top : top + height, left : left + width].transpose(2, 0, 1)
        for top in range(0, rows * (height + GAP), height + GAP)
        for left in range(0, columns * (width + GAP), width + GAP)
    ]
    return np.stack(cells)


def _search(prepared: Prepared, fakes_MCHW: Pixels, places: range, view: View) -> Near:
    """Several tasks share a large set, as many as trials run at a time."""
    import ray

    allotment = prepared.allotment
    tasks = max(1, min(allotment.concurrency, len(places) // LEAST))
    task = ray.remote(num_cpus=1, num_gpus=allotment.gpu)(find_nearest)
    pixels, digest, fakes = prepared.pixels, prepared.packed.pixels_digest, ray.put(fakes_MCHW)
    waiting = [
        task.remote(pixels, digest, prepared.passing, fakes, part) for part in _parts(places, tasks)
    ]
    found = []
    for number, reference in enumerate(waiting):
        view.stage(STAGE, number, tasks)
        found.append(ray.get(reference))
    view.stage(STAGE, tasks, tasks)
    return nearer(found)


def _parts(places: range, count: int) -> list[range]:
    bounds = [len(places) * number // count for number in range(count + 1)]
    return [places[low:high] for low, high in pairwise(bounds)]


def nearer(found: Sequence[Near]) -> Near:
    """Of each sample the nearest of several parts' finds; the first of equally near ones."""
    index_PM = np.stack([near.index_M for near in found])
    distance_PM = np.stack([near.distance_M for near in found])
    first_1M = distance_PM.argmin(axis=0)[None]
    chosen = (np.take_along_axis(of_PM, first_1M, axis=0)[0] for of_PM in (index_PM, distance_PM))
    return Near(*chosen)


def _keep_thumbnails(
    folder: RunFolder, images_NCHW: Pixels, index_M: npt.NDArray[np.int64]
) -> None:
    for index in np.unique(index_M).tolist():
        path = thumbnail_file(folder, index)
        if not path.exists():
            write_atomic(path, _thumbnail(images_NCHW[index]))


def _thumbnail(image_CHW: Pixels) -> bytes:
    """PNG; as it is where it is small."""
    image_HWC = image_CHW.transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(image_HWC).squeeze())
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _keep_records(
    folder: RunFolder, sheets: Sequence[Sheet], near: Near, blank: NearestImages
) -> None:
    start = 0
    found: dict[str, dict[int, Neighbours]] = {}
    for sheet in sheets:
        part = slice(start, start := start + len(sheet.cells_MCHW))
        found.setdefault(sheet.trial_id, {})[sheet.images] = Neighbours(
            index=tuple(near.index_M[part].tolist()),
            distance=tuple(round(distance, 6) for distance in near.distance_M[part].tolist()),
        )
    for trial_id, grids in found.items():
        _keep_record(folder, trial_id, grids, blank)


def _keep_record(
    folder: RunFolder, trial_id: str, grids: Mapping[int, Neighbours], blank: NearestImages
) -> None:
    known = read_nearest(folder, trial_id)
    before = known.grids if known and known.same_search(blank) else {}
    record = blank.model_copy(update={"grids": {**before, **grids}})
    write_atomic(nearest_file(folder, trial_id), record.model_dump_json().encode() + b"\n")
