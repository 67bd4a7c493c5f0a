"""Spreads and intervals: worked out by hand, and against tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from animesearch.results.intervals import (
    Interval,
    interval_of_noise,
    interval_of_runs,
    mean_and_sd,
    overlapping,
    t_quantile,
)


def test_the_divisor_is_one_less_than_the_runs() -> None:
    mean, sd = mean_and_sd([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert mean == 5.0 and sd == pytest.approx(math.sqrt(32 / 7))
    assert mean_and_sd([3.5]) == (3.5, None)
    assert mean_and_sd([2.5, 2.5, 2.5]) == (2.5, 0.0)


def test_numbers_next_to_the_largest_do_not_overflow() -> None:
    assert mean_and_sd([1.7e308, 1.7e308]) == (1.7e308, 0.0)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (30, 2.0423)]
)
def test_quantiles_of_the_printed_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=5e-5)


@given(st.integers(1, 400))
def test_quantiles_of_scipy(freedom: int) -> None:
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


def test_five_runs() -> None:
    """t = 2.7764 at 4 degrees of freedom: 10 ± 2.7764 · 2 / √5."""
    found = interval_of_runs(10.0, 2.0, 5)
    assert (found.low, found.high) == pytest.approx((10 - 2.48328, 10 + 2.48328), abs=1e-4)


def test_one_run_with_noise() -> None:
    found = interval_of_noise(10.0, 2.0)
    assert (found.low, found.high) == pytest.approx((6.08007, 13.91993), abs=1e-4)


def test_overlaps_reach_from_the_first_to_the_last() -> None:
    known = [Interval(0, 10), Interval(4, 5), None, Interval(8, 12), Interval(13, 14)]
    assert overlapping(known) == [(0, 3), (0, 1), None, (0, 3), (4, 4)]
    assert overlapping([]) == [] and overlapping([None]) == [None]


def test_ends_that_touch_overlap() -> None:
    assert overlapping([Interval(0, 1), Interval(1, 2)]) == [(0, 1), (0, 1)]


halves = st.floats(0, 50)


@given(st.lists(st.tuples(st.floats(-100, 100), st.one_of(st.none(), halves)), max_size=25))
def test_the_fast_search_finds_what_the_slow_one_does(drawn: list[tuple[float, float]]) -> None:
    drawn = sorted(drawn, key=lambda pair: pair[0])
    known = [None if half is None else Interval(m - half, m + half) for m, half in drawn]
    slow = [
        None
        if one is None
        else [
            place
            for place, other in enumerate(known)
            if other is not None and other.low <= one.high and one.low <= other.high
        ]
        for one in known
    ]
    assert overlapping(known) == [None if one is None else (one[0], one[-1]) for one in slow]
