"""Mean and spread of repeated runs, and intervals that tell a difference from luck."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist

LEVEL = 0.95
"""Coverage of every interval here."""


@dataclass(frozen=True)
class Interval:
    """Where the mean of a score may lie, both ends included."""

    low: float
    high: float


NOWHERE = Interval(math.inf, -math.inf)
"""Overlaps with nothing: in place of an interval that is not known."""


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (divisor n - 1; None for one value) of 1 or more."""
    count = len(values)
    try:
        mean = math.fsum(values) / count
    except OverflowError:  # of numbers next to the largest there are
        mean = math.fsum(value / count for value in values)
    if count < 2:
        return mean, None
    return mean, math.hypot(*(value - mean for value in values)) / math.sqrt(count - 1)


def interval_of_runs(mean: float, sd: float, count: int) -> Interval:
    """Student's interval of the mean of ``count`` >= 2 runs: mean ± t · sd / √count."""
    half = t_quantile(count - 1) * sd / math.sqrt(count)
    return Interval(mean - half, mean + half)


def interval_of_noise(score: float, noise: float) -> Interval:
    """Normal interval of one run's score with the standard error ``noise`` >= 0.

    It holds the noise of the samples that were drawn, nothing of the spread between seeds.
    """
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * noise
    return Interval(score - half, score + half)


@lru_cache(maxsize=256)
def t_quantile(freedom: int) -> float:
    """t such that Student's distribution with ``freedom`` >= 1 degrees has the share
    :data:`LEVEL` within ±t.

    The share within ± √freedom · tan(angle) is a finite sum for whole degrees of freedom
    (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4); the angle is found by halving.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _share_within(angle, freedom) < LEVEL else (low, angle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _share_within(angle: float, freedom: int) -> float:
    odd = freedom % 2
    cosine = math.cos(angle)
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * step / (step + 1)
    inner = total * math.sin(angle)
    return (angle + inner) * 2 / math.pi if odd else inner


def overlapping(intervals: Sequence[Interval | None]) -> list[tuple[int, int] | None]:
    """For each interval the first and the last position of one that overlaps with it.

    The intervals stand in the order of the means within them; None where none is known.  A tie
    reaches from the first to the last position; an interval alone gives its own twice.
    """
    known = [interval or NOWHERE for interval in intervals]
    # The highest end up to a position never falls along the order, the lowest from it on neither.
    highest = list(accumulate((one.high for one in known), max))
    lowest = list(accumulate((one.low for one in reversed(known)), min))[::-1]
    return [
        (bisect_left(highest, one.low), bisect_right(lowest, one.high) - 1)
        if one is not NOWHERE
        else None
        for one in known
    ]
