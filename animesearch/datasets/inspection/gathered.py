"""What tasks found about images, gathered in the memory of the driver.

For each image: some 30 bytes, and those of its fingerprints; what steps say of images that they
would drop is kept as Arrow holds it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from animesearch.datasets.blocks import CHANGED
from animesearch.datasets.inspection.survey import (
    detail_column,
    print_column,
    verdict_column,
)
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Listing
from animesearch.datasets.steps import SetStep, StepSpec
from animesearch.errors import DataError

Places = NDArray[np.int64]
NOBODY: Final = -1


class Coded:
    """One word for each of many images, as a number; :data:`NOBODY` where there is none."""

    def __init__(self, count: int) -> None:
        self.numbers = np.full(count, NOBODY, np.int16)
        self.words: dict[str, int] = {}

    def put(self, index: Places, words: Sequence[str | None]) -> None:
        """Sets the words of some images."""
        numbers = [
            NOBODY if word is None else self.words.setdefault(word, len(self.words))
            for word in words
        ]
        self.numbers[index] = numbers

    def places(self, word: str) -> Places:
        """The images that have the word, in their order."""
        return np.flatnonzero(self.numbers == self.words.get(word, NOBODY - 1))

    def known(self) -> int:
        """How many images have a word."""
        return int((self.numbers != NOBODY).sum())

    def counts(self) -> dict[str, int]:
        """How many images have each word, the commonest first."""
        found = {word: len(self.places(word)) for word in self.words}
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


class Gathered:
    """Takes the tables of :func:`~animesearch.datasets.inspection.survey.survey_block`.

    Places are those of ``listing``; the rows of ``prints`` and the ``verdicts`` go by the place
    of their step.
    """

    def __init__(self, listing: Listing, steps: Sequence[StepSpec]) -> None:
        count = len(listing.items)
        self.listing, self.steps = listing, tuple(steps)
        self.usable = np.zeros(count, dtype=bool)
        self.dropped: dict[int, Dropped] = {}
        self.format, self.kind = Coded(count), Coded(count)
        self.width, self.height = np.zeros(count, np.int32), np.zeros(count, np.int32)
        self.turn = np.ones(count, np.uint8)
        self.animated, self.alpha = np.zeros(count, bool), np.zeros(count, bool)
        self.prints: dict[int, NDArray[np.uint8]] = {}
        self.verdicts: dict[int, Coded] = {}
        self._details: dict[int, list[tuple[Places, pa.Array]]] = {}
        self._tags: dict[int, tuple[str, ...]] = {}
        self._shared: dict[str, str] = {}
        for place, step in enumerate(steps):
            if isinstance(step, SetStep):
                self.prints[place] = np.zeros((count, step.width), np.uint8)
            else:
                self.verdicts[place] = Coded(count)
                self._details[place] = []

    def add(self, table: pa.Table) -> None:
        """Takes rows, in any order.

        Raises :class:`DataError` if the source has changed since it was hashed.
        """
        index: Places = table["index"].to_numpy()
        reasons = table["reason"].to_pylist()
        for row, reason in enumerate(reasons):
            if reason:
                self._drop(int(index[row]), reason, table["detail"][row].as_py())
        good = np.array([not reason for reason in reasons], dtype=bool)
        if good.any():
            self._add_usable(index[good], table.filter(pa.array(good)))

    def _drop(self, index: int, reason: str, detail: str) -> None:
        name = self.listing.items[index].name
        if reason == CHANGED:
            raise DataError(f"'{name}' changed while the images were read; start again")
        self.dropped[index] = Dropped(name, reason, detail)

    def _add_usable(self, index: Places, table: pa.Table) -> None:
        self.usable[index] = True
        self.format.put(index, table["format"].to_pylist())
        self.kind.put(index, table["kind"].to_pylist())
        for name in ("width", "height", "turn", "animated", "alpha"):
            getattr(self, name)[index] = table[name].to_numpy()
        for place in self.prints:
            self.prints[place][index] = _rows(table[print_column(place)])
        for place, verdicts in self.verdicts.items():
            verdicts.put(index, table[verdict_column(place)].to_pylist())
            self._keep_details(place, index, table[detail_column(place)].combine_chunks())
        for place, tags in zip(index.tolist(), table["tags"].to_pylist(), strict=True):
            if tags:
                self._tags[place] = tuple(self._shared.setdefault(tag, tag) for tag in tags)

    def _keep_details(self, place: int, index: Places, details: pa.Array) -> None:
        told = np.asarray(details.is_valid())
        if told.any():
            self._details[place].append((index[told], details.drop_null()))

    def details(self, place: int, wanted: Collection[int]) -> dict[int, str]:
        """What the step at that place found in some of the images that it would drop."""
        some = np.fromiter(wanted, np.int64, len(wanted))
        found: dict[int, str] = {}
        for index, details in self._details[place]:
            for row in np.flatnonzero(np.isin(index, some)).tolist():
                found[int(index[row])] = details[row].as_py()
        return found

    def tags(self, index: int) -> tuple[str, ...]:
        """The tags of an image, from its metadata or from who drew it."""
        return self._tags.get(index, self.listing.items[index].tags)

    def upright(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Width and height as people see them, in pixels; 0 where an image cannot be used."""
        lying = self.turn >= 5
        return (
            np.where(lying, self.height, self.width),
            np.where(lying, self.width, self.height),
        )


def _rows(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """A column of equally long bytes, without nulls, as (N, W)."""
    array = column.combine_chunks()
    width = array.type.byte_width
    flat = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * width :]
    return flat[: len(array) * width].reshape(len(array), width)
