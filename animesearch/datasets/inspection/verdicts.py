"""What cleaning steps would drop: each on its own, and one after the other.  Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from animesearch.datasets.inspection.gathered import NOBODY, Gathered, Places
from animesearch.datasets.steps import Refusal, SetStep, StepSpec

EXACT: Final = "exact-duplicates"
NEAR: Final = "near-duplicates"
BARS: Final = "bars"
TOO_MANY: Final = 0.1
"""A step on single images that would drop a larger share than this is not suggested outright."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Verdicts:
    """What one step says of the images that it was asked about, ``asked`` of them.

    ``codes`` holds the images that it would drop (their places, in order) by the reason;
    ``kept`` the one that stands for an image, where the step names it.
    """

    step: StepSpec
    place: int
    asked: int
    codes: Mapping[str, Places]
    kept: Mapping[int, int]

    @property
    def dropped(self) -> Places:
        """All that it would drop, in their order."""
        found = [*self.codes.values()]
        return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)


def verdicts_of(gathered: Gathered, place: int, alive: Mask) -> Verdicts:
    """Of the step at that place, on the images that are alive."""
    step = gathered.steps[place]
    if isinstance(step, SetStep):
        return _over_the_set(gathered, step, place, alive)
    told = gathered.verdicts[place]
    asked = int(((told.numbers != NOBODY) & alive).sum())
    found = ((code, told.places(code)) for code in told.words if code)
    codes = {code: places[alive[places]] for code, places in found}
    there = {code: places for code, places in codes.items() if len(places)}
    return Verdicts(step, place, asked, there, {})


def _over_the_set(gathered: Gathered, step: SetStep, place: int, alive: Mask) -> Verdicts:
    chosen = np.flatnonzero(alive)
    names = [gathered.listing.items[index].name for index in chosen.tolist()]
    refusals = step.judge(gathered.prints[place][chosen], names) if names else {}
    codes: dict[str, list[int]] = {}
    kept: dict[int, int] = {}
    for row, refusal in sorted(refusals.items()):
        index = int(chosen[row])
        codes.setdefault(refusal.reason, []).append(index)
        stands = _place_of(refusal, names)
        if stands is not None:
            kept[index] = int(chosen[stands])
    arrays = {code: np.array(found, np.int64) for code, found in codes.items()}
    return Verdicts(step, place, len(names), arrays, kept)


def _place_of(refusal: Refusal, names: list[str]) -> int | None:
    """Of the image that the detail names: names stand in their order."""
    place = bisect_left(names, refusal.detail)
    return place if place < len(names) and names[place] == refusal.detail else None


@dataclass(frozen=True)
class Advice:
    """One step of a suggestion: how many of the ``alive`` images before it it would drop.

    ``taken`` tells whether it is suggested outright: no slow step is (it may have been asked about
    a sample only, and costs minutes each time), and none that would drop many of the images for
    what they show themselves.
    """

    verdicts: Verdicts
    alive: int
    taken: bool

    @property
    def drops(self) -> int:
        """Of the images that it was asked about."""
        return len(self.verdicts.dropped)


def advised(gathered: Gathered, slow: Collection[int]) -> Iterator[Advice]:
    """The steps that would have an effect, in order, each after those before that are taken."""
    alive = gathered.usable.copy()
    for place, step in enumerate(gathered.steps):
        verdicts = verdicts_of(gathered, place, alive)
        dropped, count = verdicts.dropped, int(alive.sum())
        if not len(dropped):
            continue
        few = isinstance(step, SetStep) or len(dropped) <= TOO_MANY * count
        taken = few and place not in slow
        yield Advice(verdicts, count, taken)
        if taken:
            alive[dropped] = False
