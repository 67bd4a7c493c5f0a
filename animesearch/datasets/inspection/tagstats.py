"""How many images carry which tag, and which tags go together.  Pure."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from animesearch.datasets.inspection.model import TagPair, TagStatistics
from animesearch.datasets.inspection.text import valid
from animesearch.datasets.steps.tags import plain

PAIRED: Final = 200
"""The commonest tags, among which pairs are looked for."""
PAIRS: Final = 40
"""Pairs that are told."""
PART: Final = 4096
"""Images that are counted at a time: a table of so many rows and :data:`PAIRED` columns."""


def tag_statistics(images: Sequence[Sequence[str]]) -> TagStatistics | None:
    """Of the tags of each image; ``None`` if none has any."""
    compared = functools.cache(lambda tag: valid(plain(tag)))

    def of(image: Sequence[str]) -> set[str]:
        return {word for word in map(compared, image) if word}

    counts: Counter[str] = Counter()
    tagged = 0
    for image in images:
        words = of(image)
        tagged += bool(words)
        counts.update(words)
    if not counts:
        return None
    ordered = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    common = [*ordered][:PAIRED]
    return TagStatistics(
        different=len(ordered),
        tagged=tagged,
        untagged=len(images) - tagged,
        paired=len(common),
        counts=ordered,
        pairs=_pairs(common, _together(images, of, common), len(images)),
    )


def _together(
    images: Sequence[Sequence[str]], of: Callable[[Sequence[str]], set[str]], common: list[str]
) -> NDArray[np.int64]:
    """How many images carry both of two tags: (T, T), each tag's own count on the diagonal."""
    column = {tag: place for place, tag in enumerate(common)}
    total = np.zeros((len(common), len(common)), np.int64)
    for start in range(0, len(images), PART):
        part = images[start : start + PART]
        carries = np.zeros((len(part), len(common)), np.float32)
        for row, image in enumerate(part):
            carries[row, [column[word] for word in of(image) if word in column]] = 1
        total += (carries.T @ carries).astype(np.int64)  # exact: counts are below 2**24
    return total


def _pairs(common: list[str], together: NDArray[np.int64], images: int) -> tuple[TagPair, ...]:
    """The commonest, by their count and then in the order of their tags."""
    first, second = np.triu_indices(len(common), 1)
    counts = together[first, second]
    order = np.argsort(-counts, kind="stable")[:PAIRS]
    return tuple(
        _pair(common, together, int(first[row]), int(second[row]), images)
        for row in order.tolist()
        if counts[row]
    )


def _pair(
    common: list[str], together: NDArray[np.int64], first: int, second: int, images: int
) -> TagPair:
    count, one, other = (
        int(together[place]) for place in ((first, second), (first, first), (second, second))
    )
    return TagPair(
        first=common[first],
        second=common[second],
        count=count,
        lift=round(count * images / (one * other), 4),
        jaccard=round(count / (one + other - count), 4),
    )
