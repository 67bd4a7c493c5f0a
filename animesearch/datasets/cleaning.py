"""Cleaning steps at work: on what is listed, on one image, and over the whole set.

The three together act as if every step saw, in the order of the space file, all images that the
steps before it have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Item, Listing
from animesearch.datasets.steps import ImageStep, MetadataStep, Refusal, SetStep, StepSpec

if TYPE_CHECKING:
    from PIL.Image import Image

BEFORE: Final = -1
"""The place of what happens before the first step: reading and decoding."""
PRINTS: Final = "prints"
"""Prefix of the columns of fingerprints; the number of the step follows."""


@dataclass(frozen=True)
class Cleaned:
    """One image after all steps: itself, or the refusal of the step at place ``step``.

    ``prints`` holds the fingerprints that were taken until then, by the places of their steps.
    """

    result: Image | Refusal
    step: int = BEFORE
    prints: Mapping[int, bytes] = field(default_factory=dict)


def looks_at_pixels(steps: Iterable[StepSpec]) -> bool:
    """Whether a step needs the decoded image."""
    return any(isinstance(step, ImageStep | SetStep) for step in steps)


def set_steps(steps: Sequence[StepSpec]) -> dict[int, SetStep]:
    """The steps over the set, by their places in the order."""
    return {place: step for place, step in enumerate(steps) if isinstance(step, SetStep)}


def unread(steps: Sequence[StepSpec], listing: Listing) -> tuple[Listing, dict[int, Dropped]]:
    """What is left to read, and the items that metadata alone rule out, by their index.

    Only the steps before the first that needs pixels count here: one that comes later must not
    keep an image from standing for its duplicates.
    """
    leading = [*takewhile(lambda step: isinstance(step, MetadataStep), steps)]
    if not leading or listing.draws:
        return listing, {}
    dropped: dict[int, Dropped] = {}
    for item in listing.items:
        refusal = _by_metadata(item, leading)
        if refusal is not None:
            dropped[item.index] = Dropped(item.name, refusal.reason, refusal.detail)
    left = tuple(item for item in listing.items if item.index not in dropped)
    return replace(listing, items=left), dropped


def _by_metadata(item: Item, steps: Iterable[StepSpec]) -> Refusal | None:
    verdicts = (step.judge(item) for step in steps if isinstance(step, MetadataStep))
    return next((verdict for verdict in verdicts if verdict is not None), None)


def clean(item: Item, image: Image, steps: Sequence[StepSpec]) -> Cleaned:
    """All steps on one image (RGB), as far as they judge it by itself; pure."""
    prints: dict[int, bytes] = {}
    for place, step in enumerate(steps):
        result: Image | Refusal | None = None
        if isinstance(step, MetadataStep):
            result = step.judge(item)
        elif isinstance(step, ImageStep):
            result = step.apply(image)
        elif isinstance(step, SetStep):
            prints[place] = step.fingerprint(image)
        if isinstance(result, Refusal):
            return Cleaned(result, place, prints)
        image = image if result is None else result
    return Cleaned(image, prints=prints)


class Fingerprints:
    """The fingerprints of up to ``count`` images, for the verdicts over the set.

    In memory: ``width`` bytes and one for each image and step over the set, however large the
    images are.
    """

    def __init__(self, steps: Sequence[StepSpec], count: int) -> None:
        self._steps = set_steps(steps)
        self._prints = {
            place: np.zeros((count, step.width), np.uint8) for place, step in self._steps.items()
        }
        self._seen = {place: np.zeros(count, dtype=bool) for place in self._steps}

    def add(self, index: NDArray[np.int64], table: pa.Table) -> None:
        """Takes the columns of fingerprints of some rows; null where the image had gone before."""
        for place, step in self._steps.items():
            column = table[column_name(place)].combine_chunks()
            there = np.asarray(column.is_valid())
            rows = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * step.width :]
            rows = rows[: len(column) * step.width].reshape(-1, step.width)
            self._prints[place][index[there]] = rows[there]
            self._seen[place][index[there]] = True

    def verdicts(self, names: Sequence[str]) -> Iterator[tuple[int, int, Refusal]]:
        """Index, place of the step, and refusal of each image that a step over the set drops."""
        gone = np.zeros(len(names), dtype=bool)
        for place, step in self._steps.items():
            alive = np.flatnonzero(self._seen[place] & ~gone)
            refusals = step.judge(self._prints[place][alive], [names[i] for i in alive.tolist()])
            for row, refusal in sorted(refusals.items()):
                gone[alive[row]] = True
                yield int(alive[row]), place, refusal


def column_name(place: int) -> str:
    """Of the fingerprints for the step at that place in the order."""
    return f"{PRINTS}{place}"
