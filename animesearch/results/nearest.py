"""Which training image is nearest to each sample of a grid: ``trials/ID/nearest.json``.

Written once a search has ended, for the grids of its best trials; thumbnails of the images lie in
``data/nearest``.  Both are read without torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from animesearch.files import read_bounded
from animesearch.registry import Options
from animesearch.results.folder import RunFolder
from animesearch.results.journal import LARGEST

FILE = "nearest.json"
MOST_CELLS = 100
"""Samples of a grid that are looked at, from its beginning."""
THUMBNAIL = 128
"""Pixels to which the longer edge of a training image is made smaller."""


class Neighbours(Options):
    """Of each sample of a grid, row by row: the training image next to it, and how far it is.

    ``index`` counts the training images of the packed set from 0; ``distance`` is Euclidean, in the
    space of the metric's features.
    """

    index: tuple[Annotated[int, Field(ge=0)], ...]
    distance: tuple[Annotated[float, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _pairs(self) -> Neighbours:
        if len(self.index) != len(self.distance):
            raise ValueError(f"{len(self.index)} images, but {len(self.distance)} distances")
        return self


class NearestImages(Options):
    """The nearest training images of a trial's samples.

    ``data`` is the digest of the packed pixels; ``searched`` of ``training`` images were looked
    through; ``grids`` has the number of images shown at each grid.
    """

    format: Literal[1] = 1
    metric: str
    data: str
    searched: int
    training: int
    grids: dict[int, Neighbours]

    def same_search(self, other: NearestImages) -> bool:
        """Whether both compare in one feature space with the same training images."""
        return self.model_copy(update={"grids": {}}) == other.model_copy(update={"grids": {}})


def nearest_file(folder: RunFolder, trial_id: str) -> Path:
    """Where the trial's stand."""
    return folder.trial(trial_id) / FILE


def thumbnail_file(folder: RunFolder, index: int) -> Path:
    """The training image of that number, small."""
    return folder.data / "nearest" / f"{index:06d}.png"


def read_nearest(folder: RunFolder, trial_id: str) -> NearestImages | None:
    """None where there is none, and where the file is broken."""
    try:
        content = read_bounded(nearest_file(folder, trial_id), LARGEST, links=False)
        return NearestImages.model_validate_json(content)
    except (OSError, ValidationError):
        return None


def nearest_row(found: NearestImages | None, images: int) -> dict[str, Any] | None:
    """Of the grid at ``images``, for a page: paths of thumbnails and distances."""
    near = found.grids.get(images) if found else None
    if found is None or near is None:
        return None
    return {
        "pictures": [f"data/nearest/{index:06d}.png" for index in near.index],
        "distances": list(near.distance),
        "searched": found.searched,
        "training": found.training,
    }
