"""Rank statistics with ties, and intervals by resampling the configurations.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
RESAMPLES: Final = 2000
LEVEL: Final = 0.95


@dataclass(frozen=True)
class Estimate:
    """A statistic of all configurations, and its percentile interval over resampled ones."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def kendall_tau(x_N: Any, y_N: Any, groups_N: Any = None) -> float:
    """Kendall's tau-b (Kendall 1945): agreement of two orders in -1..1, corrected for ties.

    ``groups_N``: only pairs within one group count.  NaN where one of both is constant there,
    that is where no pair has an order.
    """
    x_NN, y_NN = _signs(x_N), _signs(y_N)
    if groups_N is not None:
        names_N = np.asarray(groups_N)
        same_NN = names_N[:, None] == names_N[None, :]
        x_NN, y_NN = x_NN * same_NN, y_NN * same_NN
    return _tau(x_NN, y_NN)


def _signs(x_N: Any) -> Array:
    values_N = np.asarray(x_N, dtype=np.float64)
    return np.sign(values_N[:, None] - values_N[None, :])


def _tau(x_NN: Array, y_NN: Array) -> float:
    ordered = float(np.abs(x_NN).sum()) * float(np.abs(y_NN).sum())
    return float((x_NN * y_NN).sum()) / ordered**0.5 if ordered else float("nan")


def recall(early: Sequence[float], final: Sequence[float], top: int) -> float:
    """Share of the ``top`` lowest of ``final`` that are among the ``top`` lowest of ``early``.

    Ties are broken by place, so that both lists have exactly ``top`` members.
    """
    return len(set(_lowest(early, top)) & set(_lowest(final, top))) / top


def _lowest(values: Sequence[float], top: int) -> list[int]:
    if not 1 <= top <= len(values):
        raise ValueError(f"top must be in 1..{len(values)}, the number of values, not {top}")
    return sorted(range(len(values)), key=lambda place: (values[place], place))[:top]


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float],
    count: int,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """``statistic`` of the places 0..count - 1, and its interval over places drawn anew with
    repetition; draws without a finite value (all alike) are left out."""
    rng = np.random.default_rng(seed)
    value = statistic(np.arange(count))
    drawn = [statistic(rng.integers(0, count, count)) for _ in range(resamples)]
    finite = [one for one in drawn if np.isfinite(one)]
    if not finite:
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def tau_estimate(
    x: Sequence[float], y: Sequence[float], groups: Sequence[str] | None = None
) -> Estimate:
    """:func:`kendall_tau` with its interval; a configuration drawn twice is a tie, not a pair."""
    x_N, y_N = np.asarray(x), np.asarray(y)
    names_N = None if groups is None else np.asarray(groups)

    def statistic(places: npt.NDArray[np.int64]) -> float:
        chosen = None if names_N is None else names_N[places]
        return kendall_tau(x_N[places], y_N[places], chosen)

    return bootstrap(statistic, len(x_N))


def spread(values: Sequence[float]) -> float:
    """Interquartile range: unlike the standard deviation it does not follow one bad outlier."""
    low, high = np.quantile(np.asarray(values), [0.25, 0.75])
    return float(high - low)


def pooled_sd(groups: Sequence[Sequence[float]]) -> float:
    """Standard deviation within groups, all of them together; groups of one add nothing."""
    squares = sum(float(np.var(group, ddof=1)) * (len(group) - 1) for group in groups if group[1:])
    freedom = sum(len(group) - 1 for group in groups)
    return (squares / freedom) ** 0.5 if freedom else float("nan")
