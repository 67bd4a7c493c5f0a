"""The floor beside scores: what a perfect generator would get at the same number of samples."""

from __future__ import annotations

from collections.abc import Iterable

from animesearch.results.configurations import RankedConfiguration
from animesearch.results.formats import score_text

MEANING = "the distance between two halves of the real images"


def floor_words(floors: Iterable[float | None], ranking: Iterable[RankedConfiguration]) -> str:
    """One sentence; empty where no floor is known.

    ``floors`` are those of the race, of the runs in ``ranking``.  More samples have a lower floor,
    so that of fresh scores is told apart where it differs.
    """
    raced = list(dict.fromkeys(score_text(floor) for floor in floors if floor is not None))
    fresh = {
        (score_text(row.floor), row.samples or 0): None
        for row in ranking
        if row.floor is not None and score_text(row.floor) not in raced
    }
    if not fresh:
        return f"{', '.join(raced)}, {MEANING}" if raced else ""
    known = [*(f"{floor} in the race" for floor in raced),
             *(f"{floor} at {samples:,} samples" for floor, samples in fresh)]  # fmt: skip
    return f"{', '.join(known)}: {MEANING}"
