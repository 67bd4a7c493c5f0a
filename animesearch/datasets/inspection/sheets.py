"""Contact sheets: which images stand for a number, so that people can judge it.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from animesearch.datasets.inspection.findings import Findings, explained, sampled
from animesearch.datasets.inspection.gathered import Gathered, Places
from animesearch.datasets.inspection.verdicts import EXACT, NEAR, Verdicts
from animesearch.datasets.reasons import meaning

SINGLES: Final = 48
PAIRS: Final = 100
EXACT_PAIRS: Final = 24
"""Equal pixels need no judging: a few show what is meant."""
RANDOM: Final = "sample"
"""The code of the sheet of usable images at random."""


@dataclass(frozen=True)
class Cell:
    """An image (its place) with its name and what was found; ``kept`` stands for it."""

    index: int
    name: str
    detail: str = ""
    kept: int | None = None

    @property
    def places(self) -> tuple[int, ...]:
        """Of the images in the cell, that which is kept first."""
        return (self.index,) if self.kept is None else (self.kept, self.index)


@dataclass(frozen=True)
class Sheet:
    """Some of the ``count`` images that the step would drop for the reason of this ``code``.

    ``thumbnails`` holds JPEGs by the places of the images.
    """

    code: str
    title: str
    count: int
    step: str
    cells: tuple[Cell, ...]
    thumbnails: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    def filled(self, thumbnails: Mapping[int, bytes]) -> Sheet:
        """With thumbnails, less the cells that have none."""
        cells = tuple(cell for cell in self.cells if thumbnails.keys() >= {*cell.places})
        own = {place: thumbnails[place] for cell in cells for place in cell.places}
        return replace(self, cells=cells, thumbnails=own)


def sheets(
    gathered: Gathered, found: Findings, singles: int = SINGLES, pairs: int = PAIRS
) -> tuple[Sheet, ...]:
    """One for each reason that a step would drop images for, and one of images at random.

    With ``singles`` cells at most, or ``pairs`` of near duplicates; by lot, the same each time.
    """
    usable = np.flatnonzero(gathered.usable)
    problems = (
        sheet for one in found.verdicts for sheet in _of_step(gathered, found, one, singles, pairs)
    )
    shown = sampled(usable, singles, seed=1)
    cells = tuple(Cell(index, gathered.listing.items[index].name) for index in shown.tolist())
    title = "usable images, chosen at random"
    random = Sheet(RANDOM, title, len(usable), "", cells)
    return tuple(sheet for sheet in (*problems, random) if sheet.cells)


def _of_step(
    gathered: Gathered, found: Findings, verdicts: Verdicts, singles: int, pairs: int
) -> Iterator[Sheet]:
    name = verdicts.step.name
    most = {NEAR: pairs, EXACT: min(EXACT_PAIRS, singles)}.get(name, singles)
    for code, dropped in verdicts.codes.items():
        places = found.near if name == NEAR else dropped
        cells = _cells(gathered, verdicts, sampled(places, most))
        yield Sheet(code, meaning(code), len(places), name, cells)


def _cells(gathered: Gathered, verdicts: Verdicts, places: Places) -> tuple[Cell, ...]:
    told = explained(gathered, verdicts, places)
    return tuple(
        Cell(index, name, detail, verdicts.kept.get(index))
        for index, (name, detail) in told.items()
    )
