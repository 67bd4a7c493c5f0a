"""The grammar of distributions, good and bad, and their arithmetic."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from animesearch.errors import UserError
from animesearch.searchspace import Choice, Integer, Normal, Uniform
from tests.searchspace.models import RandomSuggest, mistake, space_of


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("{uniform: [-1, 2.5]}", Uniform(-1.0, 2.5)),
        ("{loguniform: [1e-4, 1]}", Uniform(1e-4, 1.0, log=True)),
        ("{int: [-3, 9]}", Integer(-3, 9)),
        ("{logint: [1, 1_024]}", Integer(1, 1024, log=True)),
        ("{normal: [0, 1]}", Normal(0.0, 1.0)),
        ("{normal: {mean: 0, sd: 2}}", Normal(0.0, 2.0)),
        ("{normal: {mean: 0, sd: 2, low: -1, high: 1}}", Normal(0.0, 2.0, -1.0, 1.0)),
        ("{normal: [0, 2], low: -1}", Normal(0.0, 2.0, -1.0)),
        ("{normal: {mean: 0, sd: 2, low: null}, high: 3}", Normal(0.0, 2.0, None, 3.0)),
    ],
)
def test_numeric_words(text: str, distribution: object) -> None:
    assert space_of(f"{{body: round, shift: {text}}}").distributions == {"shift": distribution}


def test_choices() -> None:
    trial = (
        "{body: {choice: [square, {name: round}, {name: round, label: big, width: 512}]},"
        " note: {choice: [null, a, '1']}, left: {choice: [{label: slow, lr: 1}, {label: fast}]}}"
    )
    space = space_of(trial)
    labels = {n: d.labels for n, d in space.distributions.items() if isinstance(d, Choice)}
    assert labels == {
        "body": ["square", "round", "big"],
        "note": [None, "a", "1"],
        "left": ["slow", "fast"],
    }
    assert space.resolve({"body": "big", "note": None, "left": "slow"}) == {
        "body": {"name": "round", "width": 512},
        "note": None,
        "left": {"lr": 1},
    }


NUMERIC = [
    ("{uniform: [2, 1]}", "uniform", "uniform needs low < high, got [2, 1]"),
    ("{uniform: [1, 1]}", "uniform", "uniform needs low < high, got [1, 1]"),
    ("{uniform: [1]}", "uniform", "uniform takes [low, high], got a list of 1 item"),
    ("{uniform: 3}", "uniform", "uniform takes [low, high], got 3"),
    ("{uniform: null}", "uniform", "got null"),
    ("{uniform: {low: 1, high: 2}}", "uniform", "uniform takes [low, high], got a mapping"),
    ("{uniform: [a, true]}", "uniform", "the ends of uniform are numbers, got ['a', true]"),
    ("{uniform: [-1e308, 1e308]}", "uniform", "a finite way apart"),
    ("{uniform: [9007199254740992, 9007199254740993]}", "uniform", "that floats tell apart"),
    ("{uniform: [1, 2], low: 3}", "", "'uniform' stands alone in its mapping, beside it: 'low'"),
    ("{uniform: [1, 2], int: [1, 2]}", "", "takes one distribution, got uniform, int"),
    ("{loguniform: [0, 1]}", "loguniform", "loguniform needs 0 < low < high, got [0, 1]"),
    ("{loguniform: [-1, 1]}", "loguniform", "loguniform needs 0 < low < high, got [-1, 1]"),
    ("{int: [1.5, 2]}", "int", "the ends of int are whole numbers, got [1.5, 2]"),
    ("{int: [3, 3]}", "int", "int needs low < high, got [3, 3]"),
    ("{int: [0, 9223372036854775807]}", "int", "int reaches to 2^53"),
    ("{logint: [0, 8]}", "logint", "logint needs 0 < low < high, got [0, 8]"),
    ("{normal: [0]}", "normal", "normal takes [mean, sd], got a list of 1 item"),
    ("{normal: 5}", "normal", "normal takes [mean, sd] or a mapping, got 5"),
    ("{normal: {mean: 0}}", "normal", "normal needs 'mean' and 'sd'"),
    ("{normal: {mean: 0, sd: x, low: y}}", "normal", "sd, low of normal must be numbers"),
    ("{normal: {mean: 0, sigma: 1}}", "normal.sigma", "unknown key 'sigma' of normal"),
    ("{normal: {mean: 0, sd: 1, hihg: 1}}", "normal.hihg", "did you mean 'high'?"),
    ("{normal: [0, 1], mean: 3}", "mean", "unknown key 'mean' of normal; allowed: low, high"),
    ("{normal: {mean: 0, sd: 1, low: 1}, low: 1}", "", "'low' of normal is given twice"),
    ("{normal: [0, 0]}", "normal", "normal needs sd > 0, got 0"),
    ("{normal: [0, -1]}", "normal", "normal needs sd > 0, got -1"),
    ("{normal: [0, 1], low: 1, high: 1}", "", "normal needs low < high, got low 1, high 1"),
    ("{normal: [0, 1], low: 20}", "normal", "a share of 0 between low and high"),
    ("{normal: [1e308, 1e308]}", "normal", "reaches beyond the floats"),
]
CHOICES = [
    ("{choice: []}", "choice", "a list of at least one option, got an empty list"),
    ("{choice: round}", "choice", "choice takes a list of at least one option, got 'round'"),
    ("{choice: null}", "choice", "got null"),
    ("{choice: [round, round]}", "choice.1", "the option 'round' stands twice"),
    ("{choice: [{name: round}, round]}", "choice.1", "the option 'round' stands twice"),
    ("{choice: [{name: round}, {name: round}]}", "choice.1", "two options have the label 'round'"),
    ("{choice: [{name: round}, 5]}", "choice.1", "an option is a component's name, got 5"),
    ("{choice: [round, [square]]}", "choice.1", "a value or a component, got a list"),
    ("{choice: [round, {choice: [square]}]}", "choice.1", "a 'choice' cannot be an option itself"),
    ("{choice: [round, {width: 16}]}", "choice.1", "a component in a choice has a 'name'"),
    ("{choice: [round, {width: 16}]}", "choice.1", "any other mapping a 'label'"),
    ("{choice: [round, {nam: square}]}", "choice.1", "did you mean 'name'?"),
    ("{choice: [round, {name: 5}]}", "choice.1.name", "a component's name is one word, got 5"),
    ("{choice: [round, {name: {choice: [a]}}]}", "choice.1.name", "one word, got a mapping"),
    ("{choice: [{name: round, label: 5}]}", "choice.0.label", "without a dot, got 5"),
    ("{choice: [{name: round, label: a.b}]}", "choice.0.label", "without a dot, got 'a.b'"),
    ("{choice: [{name: round, label: ''}]}", "choice.0.label", "1 to 64 characters"),
    ("{choice: [round], width: 3}", "", "'choice' stands alone in its mapping, beside it: 'width'"),
]


@pytest.mark.parametrize(("text", "below", "message"), NUMERIC)
def test_refused_numeric_words(text: str, below: str, message: str) -> None:
    path, found = mistake(f"{{body: round, shift: {text}}}")
    assert path == ".".join(filter(None, ["trial.shift", below]))
    assert message in found


@pytest.mark.parametrize(("text", "below", "message"), CHOICES)
def test_refused_choices(text: str, below: str, message: str) -> None:
    path, found = mistake(f"{{body: {text}}}")
    assert path == ".".join(filter(None, ["trial.body", below]))
    assert message in found


@pytest.mark.parametrize("pair", ["[1, true]", "[1, 1.0]", "[0, -0.0]"])
def test_options_that_compare_equal(pair: str) -> None:
    path, found = mistake(f"{{body: round, note: {{choice: {pair}}}}}".replace("note", "shift"))
    assert path == "trial.shift.choice.1"
    assert "cannot be told apart" in found


@pytest.mark.parametrize("word", ["uniform", "loguniform", "int", "logint", "normal"])
def test_the_trial_itself_is_no_range(word: str) -> None:
    path, found = mistake(f"{{{word}: [1, 2]}}")
    assert path == "trial"
    assert found == f"'trial' is a mapping of options, or a choice of such, got a '{word}'"


def test_a_name_is_no_distribution() -> None:
    path, found = mistake("{body: {name: {choice: [round, square]}}}")
    assert path == "trial.body.name"
    assert "a component's name takes one word" in found


def test_two_parameters_of_one_name() -> None:
    both = "{body: round, extra: {a.quantile: {uniform: [0, 1]}, a: {normal: [0, 1]}}}"
    path, found = mistake(both)
    assert path == "trial.extra.a"
    assert "two parameters have the name 'extra.a'" in found


@pytest.mark.parametrize("low", [None, -0.5, 1.0])
@pytest.mark.parametrize("high", [None, 2.0])
def test_normal_is_the_inverse_of_its_distribution_function(
    low: float | None, high: float | None
) -> None:
    normal, plain = Normal(0.3, 0.7, low, high), NormalDist(0.3, 0.7)
    bottom = 0.0 if low is None else plain.cdf(low)
    top = 1.0 if high is None else plain.cdf(high)
    for quantile in [0.001, 0.1, 0.5, 0.9, 0.999]:
        share = (plain.cdf(normal.value(quantile)) - bottom) / (top - bottom)
        assert share == pytest.approx(quantile, abs=1e-9)


def test_normal_keeps_to_its_ends() -> None:
    cut = Normal(0.0, 1.0, -1.0, 0.5)
    assert (cut.value(0.0), cut.value(1.0)) == (pytest.approx(-1.0), pytest.approx(0.5))
    assert -1.0 <= cut.value(0.0) < cut.value(1.0) <= 0.5
    open_ = Normal(5.0, 2.0)
    assert open_.value(0.5) == 5.0
    assert math.isfinite(open_.value(0.0))
    assert open_.value(1.0) - 5.0 == pytest.approx(8.2 * 2, rel=0.02)


def test_normal_samples_have_its_moments() -> None:
    suggest, normal = RandomSuggest(0), Normal(2.0, 0.5, 1.0, 3.0)
    drawn = [normal.draw("x", suggest) for _ in range(4000)]
    values = [float(d["x"] or 0) for d in drawn]
    assert sum(values) / 4000 == pytest.approx(2.0, abs=0.03)
    spread = math.sqrt(sum((value - 2.0) ** 2 for value in values) / 4000)
    assert spread == pytest.approx(0.5 * math.sqrt(0.7737), rel=0.05)  # truncated at 2 sd
    assert all(normal.value(float(d["x.quantile"] or 0)) == d["x"] for d in drawn)


def test_ends_are_exact_whatever_the_sampler_rounds() -> None:
    class Beyond(RandomSuggest):
        def uniform(self, name: str, low: float, high: float, log: bool = False) -> float:
            return high * (1 + 1e-15)

    assert Uniform(1e-4, 1e-3, log=True).draw("x", Beyond(0)) == {"x": 1e-3}
    assert Normal(0, 1, -1, 1).draw("x", Beyond(0))["x.quantile"] == 1.0


def test_log_spacing() -> None:
    values = [p["x"] for p in Uniform(1e-4, 1e-2, log=True).grid("x", 3)]
    assert values == pytest.approx([1e-4, 1e-3, 1e-2])
    assert [p["x"] for p in Uniform(0.0, 1.0).grid("x", 5)] == [0, 0.25, 0.5, 0.75, 1]
    assert [p["x"] for p in Uniform(0.0, 1.0).grid("x", 1)] == [0.5]
    assert [p["x"] for p in Uniform(1.0, 4.0, log=True).grid("x", 1)] == pytest.approx([2.0])


def test_a_grid_has_no_repeats_in_the_narrowest_range() -> None:
    narrow = Uniform(1.0, math.nextafter(1.0, 2.0))
    assert [p["x"] for p in narrow.grid("x", 9)] == [1.0, math.nextafter(1.0, 2.0)]
    assert narrow.count(9) == 2


@pytest.mark.parametrize(
    ("distribution", "value"),
    [
        (Uniform(0.0, 1.0), 1.5),
        (Uniform(0.0, 1.0), "a"),
        (Uniform(0.0, 1.0), True),
        (Uniform(0.0, 1.0), math.nan),
        (Integer(1, 4), 2.5),
        (Integer(1, 4), 5),
        (Normal(0.0, 1.0, 0.0), -1.0),
    ],
)
def test_refused_records(distribution: Uniform | Integer | Normal, value: object) -> None:
    with pytest.raises(UserError, match="parameter 'x'"):
        distribution.read("x", {"x": value})  # type: ignore[dict-item]
    with pytest.raises(UserError, match="no value of the parameter 'x'"):
        distribution.read("x", {})
