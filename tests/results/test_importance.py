"""The share that a parameter explains: by hand, where there is nothing, and where it is hidden."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from animesearch.results.axes import Axis
from animesearch.results.importance import Importance, importances, ranked

KIND = Axis("kind", "kind", "categories", categories=("a", "b"))
RATE = Axis("rate", "rate", "log", 1e-4, 1e-1)


def only(axis: Axis, values: list[Any], scores: list[float]) -> Importance:
    (found,) = importances([axis], [{axis.name: value} for value in values], scores)
    return found


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert list(ranked([3.0, 1.0, 1.0, 2.0])) == [3.0, 0.5, 0.5, 2.0]
    assert list(ranked([math.inf, 1.0, math.inf])) == [1.5, 0.0, 1.5]


def test_the_share_is_kelleys_epsilon_squared() -> None:
    """Ranks 0-3 and 4-7: 32 of 42 lie between the groups; corrected for two groups of eight."""
    found = only(KIND, list("aaaabbbb"), [1, 2, 3, 4, 5, 6, 7, 8])
    assert found.share == pytest.approx(1 - (1 - 32 / 42) * 7 / 6)
    assert (found.best, found.n, found.groups, found.clear) == ("a", 8, 2, True)


def test_scores_count_by_their_order_only() -> None:
    near = only(KIND, list("aabababb"), [1, 2, 3, 4, 5, 6, 7, 8])
    far = only(KIND, list("aabababb"), [1, 2, 3, 4, 5, 60, 700, math.inf])
    assert near == far


def test_collapse_counts_as_worse_than_any_number() -> None:
    found = only(KIND, list("aaaaabbbbb"), [9.0, 8, 7, 6, 5, *[math.inf] * 5])
    assert found.clear
    assert found.best == "a"


def test_luck_is_seldom_taken_for_more() -> None:
    draw = random.Random(3)
    wrong = 0
    for _ in range(100):
        values = [10 ** draw.uniform(-4, -1) for _ in range(30)]
        wrong += only(RATE, values, [draw.random() for _ in values]).clear
    assert wrong <= 10  # 5 are expected of 100


def test_a_best_value_in_the_middle_is_found_without_a_trend() -> None:
    values = [10 ** (-4 + 3 * n / 39) for n in range(40)]
    found = only(RATE, values, [abs(n - 19.5) + 0.01 * n for n in range(40)])
    assert found.clear
    assert found.share is not None
    assert found.share > 0.8
    assert found.trend is not None
    assert abs(found.trend) < 0.1
    low, high = (float(end) for end in found.best.split(" to "))
    assert low < 10**-2.5 < high * 3


def test_a_trend_has_its_sign() -> None:
    values = [10 ** (-4 + 3 * n / 39) for n in range(40)]
    assert only(RATE, values, [float(n) for n in range(40)]).trend == pytest.approx(1.0)
    assert only(RATE, values, [float(-n) for n in range(40)]).trend == pytest.approx(-1.0)


def test_a_conditional_parameter_is_judged_by_the_trials_that_have_it() -> None:
    params: list[dict[str, Any]] = [{"kind": "ab"[n % 2]} for n in range(10)]
    params += [{"other": n} for n in range(10)]
    found = importances([KIND], params, [float(n % 2) for n in range(10)] + [50.0] * 10)[0]
    assert (found.n, found.share) == (10, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        (list("aaabbb"), [1, 2, 3, 4, 5, 6]),  # too few
        (list("aaaaaaaa"), [1, 2, 3, 4, 5, 6, 7, 8]),  # one group
        (list("aaaabbbb"), [1.0] * 8),  # nothing to explain
        ([], []),
    ],
)
def test_nothing_is_said_where_nothing_can_be(values: list[str], scores: list[float]) -> None:
    found = only(KIND, values, scores)
    assert (found.share, found.noise, found.clear) == (None, None, False)


def test_those_that_explain_most_come_first_and_the_silent_last() -> None:
    few = Axis("few", "few", "categories", categories=("x", "y"))
    params: list[dict[str, Any]] = [
        {"kind": "ab"[n > 5], "rate": 10 ** -(1 + n * 7 % 12 / 4)} for n in range(12)
    ]
    params[0]["few"], params[1]["few"] = "x", "y"
    found = importances([few, RATE, KIND], params, [float(n) for n in range(12)])
    assert [one.name for one in found] == ["kind", "rate", "few"]


def test_the_same_trials_give_the_same_numbers() -> None:
    values = [10 ** random.Random(n).uniform(-4, -1) for n in range(20)]
    scores = [float(n * 7 % 20) for n in range(20)]
    assert only(RATE, values, scores) == only(RATE, values, scores)
