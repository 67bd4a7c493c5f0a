"""How much of the scores' order each parameter explains by itself, and how much luck would.

The method: the scores become ranks (a collapsed trial ranks behind all others), the trials that
have the parameter fall into groups (its categories, or up to six bins of equal size), and the share
of the ranks' variance that lies between the groups is Kelley's epsilon squared: the eta squared of
a one-way layout, corrected for the number of groups, 0 on average where there is nothing to find.
The same is computed for ranks shuffled 200 times; 95 % of those stay below ``noise``.

It looks at one parameter at a time: it sees no interactions, and parameters that a sampler chose
together share what they explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from animesearch.results.axes import Axis, category
from animesearch.results.formats import finite, short
from animesearch.results.records import Scalar

FEWEST = 8
"""Trials below which nothing is said."""
MOST_BINS = 6
PER_BIN = 6
"""Trials that a bin should have."""
SHUFFLES = 200
NOISE = 0.95


@dataclass(frozen=True)
class Importance:
    """What one parameter explains.

    ``share`` of the variance of the ranks, 0 to 1, and the ``noise`` that shuffled ranks reach;
    both None where there are too few of the ``n`` trials.  ``best`` is the group with the lowest
    mean rank; ``trend`` is Spearman's correlation with the score of a parameter on a number's
    scale: below 0 larger values go with better scores.
    """

    name: str
    label: str
    n: int
    groups: int = 0
    share: float | None = None
    noise: float | None = None
    best: str = ""
    trend: float | None = None

    @property
    def clear(self) -> bool:
        """Whether it explains more than luck would."""
        return self.share is not None and self.noise is not None and self.share > self.noise


def importances(
    axes: Sequence[Axis], params: Sequence[Mapping[str, Scalar]], scores: Sequence[float]
) -> list[Importance]:
    """One for each axis, those that explain most first.

    ``scores`` belong to ``params`` one by one; infinity stands for a collapsed trial.
    """
    found = [_importance(axis, params, scores) for axis in axes]
    return sorted(found, key=lambda one: (one.share is None, -(one.share or 0.0), one.name))


def _importance(
    axis: Axis, params: Sequence[Mapping[str, Scalar]], scores: Sequence[float]
) -> Importance:
    pairs = [
        (one[axis.name], score)
        for one, score in zip(params, scores, strict=True)
        if axis.name in one and axis.at(one[axis.name]) is not None
    ]
    values, ranks = [value for value, _ in pairs], ranked([score for _, score in pairs])
    groups, names = _groups(axis, values)
    if len(pairs) < FEWEST or len(names) < 2 or len(names) >= len(pairs) or np.ptp(ranks) == 0:
        return Importance(axis.name, axis.label, len(pairs), len(names))
    share, noise, means = _explained(groups, ranks)
    return Importance(
        axis.name,
        axis.label,
        len(pairs),
        len(names),
        share=share,
        noise=noise,
        best=names[int(np.argmin(means))],
        trend=None if axis.scale == "categories" else _trend(values, ranks),
    )


def ranked(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(
        np.asarray(values, np.float64), return_inverse=True, return_counts=True
    )
    last = np.cumsum(counts)
    middle: NDArray[np.float64] = last - (counts + 1) / 2
    return middle[inverse]


def _groups(axis: Axis, values: Sequence[Scalar]) -> tuple[NDArray[np.intp], list[str]]:
    """The number of each value's group, and the groups' names."""
    if axis.scale == "categories":
        texts = [category(value) for value in values]
        names = [text for text in axis.categories if text in set(texts)]
        return np.array([names.index(text) for text in texts], np.intp), names
    numbers = np.array([finite(value) for value in values], np.float64)
    bins = min(MOST_BINS, max(2, len(numbers) // PER_BIN))
    raw = np.floor(ranked(numbers) * bins / max(1, len(numbers))).astype(np.intp)
    kept, groups = np.unique(raw, return_inverse=True)
    members = [numbers[groups == number] for number in range(len(kept))]
    return groups, [f"{short(float(m.min()))} to {short(float(m.max()))}" for m in members]


def _explained(
    groups: NDArray[np.intp], ranks: NDArray[np.float64]
) -> tuple[float, float, NDArray[np.float64]]:
    """Share, noise, and each group's mean rank."""
    member = np.eye(int(groups.max()) + 1)[groups]
    counts = member.sum(axis=0)
    sums = np.vstack([ranks, ranks[_shuffles(len(ranks))]]) @ member
    total = float(((ranks - ranks.mean()) ** 2).sum())
    eta = (sums**2 / counts).sum(axis=1) - len(ranks) * ranks.mean() ** 2
    left = (1 - eta / total) * (len(ranks) - 1) / (len(ranks) - len(counts))
    shares = np.maximum(0.0, 1 - left)
    return float(shares[0]), float(np.quantile(shares[1:], NOISE)), sums[0] / counts


@lru_cache(maxsize=8)
def _shuffles(count: int) -> NDArray[np.intp]:
    """The same orders for every parameter of as many trials."""
    draw = np.random.default_rng(0)
    return np.argsort(draw.random((SHUFFLES, count)), axis=1)


def _trend(values: Sequence[Scalar], ranks: NDArray[np.float64]) -> float | None:
    there = ranked([finite(value) or 0.0 for value in values])
    if np.ptp(there) == 0:
        return None
    return float(np.corrcoef(there, ranks)[0, 1])
