"""Duplicates among hashes.  Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

BLOCK: Final = 1024
"""Images that are compared with the kept ones at a time."""
PAIRS: Final = 1 << 18
"""Pairs that are compared at a time: they stay in a processor's cache."""
LOOKUP: Final = 8.0
"""What a pair found through a table costs, in pairs that are compared row by row."""
SEARCH: Final = 120.0
"""What one search in one table costs, in the same unit."""
NOBODY: Final = np.iinfo(np.int64).max


def first_equals(prints_NW: NDArray[np.uint8]) -> Places:
    """For each row the place of the first row that is equal to it, itself included: (N,)."""
    rows = np.ascontiguousarray(prints_NW)
    whole = rows.view(np.dtype((np.void, rows.shape[1])))[:, 0]
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    return first[which].astype(np.int64)


@dataclass(frozen=True)
class Likeness:
    """When two images look the same: in how many bits their hashes may differ.

    Of the words of an image the first is the hash that is searched for (``radius`` of 64), the
    second that of its colours (``colour`` of 64), the others are its details (``detail`` of all
    their bits).
    """

    radius: int
    colour: int = 64
    detail: int = 1 << 30

    def table(self, words_NK: Words, others_MK: Words) -> NDArray[np.bool_]:
        """Each with each: (N, M)."""
        alike: NDArray[np.bool_] = _differ(words_NK[:, None, 0], others_MK[:, 0]) <= self.radius
        hits = np.count_nonzero(alike)
        if hits * 8 > alike.size and words_NK.shape[1] > 1:
            alike &= _differ(words_NK[:, None, 1], others_MK[:, 1]) <= self.colour
        if hits and words_NK.shape[1] > 1:
            row, other = np.nonzero(alike)
            alike[row, other] = self.pairs(words_NK, row, others_MK, other)
        return alike

    def pairs(
        self, words_NK: Words, row: Places, others_MK: Words, other: Places
    ) -> NDArray[np.bool_]:
        """Pair by pair, those of places ``row`` and ``other``: the shape of both."""
        alike = np.zeros(len(row), dtype=bool)
        left = np.arange(len(row))
        words = ((0, 1, self.radius), (1, 2, self.colour), (2, words_NK.shape[1], self.detail))
        for start, stop, most in words:
            mine, theirs = words_NK[row[left], start:stop], others_MK[other[left], start:stop]
            left = left[_differ(mine, theirs).sum(axis=1, dtype=np.int64) <= most]
        alike[left] = True
        return alike


def _differ(words: Words, others: Words) -> NDArray[np.uint8]:
    """Bits that differ, element by element; broadcast."""
    count: NDArray[np.uint8] = np.bitwise_count(words ^ others)
    return count


def leaders(words_NK: Words, likeness: Likeness) -> Places:
    """For each image the place of the one that stands for it, its own if it is kept: (N,).

    In the order of their places, an image is kept unless it looks like one that was kept; the
    first such stands for it.

    Each block is searched for among the kept ones through tables (multi-index hashing, Norouzi
    et al. 2012): of m = radius + k bands of a hash, at least k are untouched where ``radius``
    bits have changed, so an image within the radius shares the key of one of the tables.  Where
    tables would find more pairs than is worth while (clumps; a large radius), the block is
    compared with all that were kept instead.  So the work is near-linear for hashes that are
    spread out, near-linear in a clump whose images one leader stands for, and never more than
    N²/2 comparisons, of about 5 * 10^8 a second.
    """
    result = np.arange(len(words_NK), dtype=np.int64)
    shelves: list[_Shelf] = []
    for start in range(0, len(words_NK), BLOCK):
        stop = min(start + BLOCK, len(words_NK))
        places, words = result[start:stop].copy(), words_NK[start:stop]
        found = np.full(len(places), NOBODY, dtype=np.int64)
        for shelf in shelves:  # in ascending order of their places: the first find counts
            free = np.flatnonzero(found == NOBODY)
            found[free] = shelf.first_alike(words[free])
        _settle(places, words, found, likeness)
        result[start:stop] = np.where(found == NOBODY, places, found)
        kept = found == NOBODY
        _put(shelves, places[kept], words[kept], likeness)
    return result


def _settle(places: Places, words: Words, found: Places, likeness: Likeness) -> None:
    """Fills in who stands for whom within a block; who stands for itself keeps ``NOBODY``."""
    free = np.flatnonzero(found == NOBODY)
    alike = np.triu(likeness.table(words[free], words[free]), 1)
    for row in np.flatnonzero(alike.any(axis=1)).tolist():
        if found[free[row]] == NOBODY:
            followers = free[alike[row]]
            found[followers[found[followers] == NOBODY]] = places[free[row]]


class _Shelf:
    """Kept images in the order of their places, with tables of their bands where it pays."""

    def __init__(self, places: Places, words: Words, likeness: Likeness) -> None:
        self.places, self.words, self._likeness = places, words, likeness
        masks = best_masks(len(places), likeness.radius)
        self._tables = [_Table(words[:, 0], mask) for mask in masks]

    def first_alike(self, words: Words) -> Places:
        """For each of some other images the first place that looks like it, or ``NOBODY``."""
        spans = [table.spans(words[:, 0]) for table in self._tables]
        pairs = sum(int((stop - start).sum()) for start, stop in spans)
        if not spans or pairs * LOOKUP > len(words) * len(self.places):
            return self._by_comparison(words)
        found = np.full(len(words), NOBODY, dtype=np.int64)
        for table, (start, stop) in zip(self._tables, spans, strict=True):
            for row, entry in _pairs(start, stop):
                other = table.order[entry]
                alike = self._likeness.pairs(words, row, self.words, other)
                np.minimum.at(found, row[alike], self.places[other[alike]])
        return found

    def _by_comparison(self, words: Words) -> Places:
        found = np.full(len(words), NOBODY, dtype=np.int64)
        step = max(1, PAIRS // max(1, len(words)))
        for start in range(0, len(self.places), step):
            alike = self._likeness.table(words, self.words[start : start + step])
            hit = np.flatnonzero(alike.any(axis=1) & (found == NOBODY))
            found[hit] = self.places[start + alike[hit].argmax(axis=1)]
        return found


class _Table:
    """Hashes by some of their bits."""

    def __init__(self, hashes: Words, mask: int) -> None:
        self._mask = np.uint64(mask)
        keys = hashes & self._mask
        self.order = np.argsort(keys, kind="stable")
        self._keys = keys[self.order]

    def spans(self, hashes: Words) -> tuple[Places, Places]:
        """Where in ``order`` those with the same bits stand, for each hash: start and stop."""
        keys = hashes & self._mask
        return np.searchsorted(self._keys, keys), np.searchsorted(self._keys, keys, "right")


def _pairs(start: Places, stop: Places) -> Iterator[tuple[Places, Places]]:
    """Rows and what their spans hold, :data:`PAIRS` at a time (one row's span at least)."""
    counts = stop - start
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + PAIRS, "right")))
        part = counts[first:last]
        row = np.repeat(np.arange(first, last), part)
        within = np.arange(int(part.sum())) - np.repeat(np.cumsum(part) - part, part)
        yield row, np.repeat(start[first:last], part) + within
        first = last


def _put(shelves: list[_Shelf], places: Places, words: Words, likeness: Likeness) -> None:
    """Adds images; shelves of similar size become one, so that few are searched."""
    if not len(places):
        return
    held = [(places, words)]
    while shelves and len(shelves[-1].places) <= 2 * sum(len(part[0]) for part in held):
        last = shelves.pop()
        held.insert(0, (last.places, last.words))
    joined = np.concatenate([part[0] for part in held]), np.concatenate([part[1] for part in held])
    shelves.append(_Shelf(*joined, likeness))


def best_masks(count: int, radius: int) -> list[int]:
    """Masks of the tables that cost least for so many evenly spread hashes; none: compare all."""
    best, masks = float(count), list[int]()
    for shared in (1, 2, 3):
        bands = radius + shared
        tables = math.comb(bands, shared)
        cost = tables * (SEARCH + LOOKUP * count / 2 ** (64 * shared / bands))
        if cost < best:
            best, masks = cost, _masks(bands, shared)
    return masks


def _masks(bands: int, shared: int) -> list[int]:
    """Every choice of ``shared`` of so many bands of 64 bits."""
    edges = [64 * band // bands for band in range(bands + 1)]
    each = [(1 << stop) - (1 << start) for start, stop in itertools.pairwise(edges)]
    return [sum(chosen) for chosen in itertools.combinations(each, shared)]
