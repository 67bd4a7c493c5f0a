"""Short words for numbers and configurations; texts from a run made harmless."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.results.formats import (
    clean,
    configuration,
    decimals_of,
    duration,
    finite,
    kimg,
    roughly,
    score_text,
    short,
    short_names,
    shorten,
    varying,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000312, "3.12e-4"),
        (1e-4, "1e-4"),
        (0.5, "0.5"),
        (0.05, "0.05"),
        (0.002, "0.002"),
        (0.0, "0"),
        (16, "16"),
        (123456, "123456"),
        (1e20, "1e20"),
        (-0.25, "-0.25"),
        (True, "true"),
        (None, "none"),
        ("one-sided", "one-sided"),
    ],
)
def test_short_values(value: str | bool | float | None, text: str) -> None:
    assert short(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_short_floats_stay_close_to_the_value(value: float) -> None:
    text = short(value)
    assert len(text) <= 10
    assert math.isclose(float(text), value, rel_tol=0.006) or abs(value) > 1e307


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (5120.345, "5120.3"),
        (30.126, "30.13"),
        (2.34567, "2.346"),
        (0.0123, "0.0123"),
        (0.0, "0"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_scores(score: float | None, text: str) -> None:
    assert score_text(score) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (130, "2 min 10 s"),
        (3900, "1 h 05 min"),
        (200_000, "2 d 07 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "5 s"), (33, "35 s"), (58, "1 min"), (87, "1 min 30 s"), (700, "12 min")],
)
def test_estimates_are_no_finer_than_estimates_are(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


def test_kimg_and_finite() -> None:
    assert kimg(8064) == "8.1"
    assert (finite(3), finite(2.5), finite(True), finite("3"), finite(None)) == (
        3,
        2.5,
        *3 * [None],
    )
    assert (finite(math.nan), finite(-math.inf)) == (None, None)


@pytest.mark.parametrize(
    "evil", ["a\x1b[31mb", "a\nb", "a\r\x07b", "a\u202eb", "a\ud800b", "a\x9bb"]
)
def test_clean_takes_out_what_steers_a_terminal(evil: str) -> None:
    assert clean(evil) in {"a b", "a [31mb"}


@given(st.text())
def test_clean_texts_are_printable_and_stay_so(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert clean(cleaned) == cleaned
    cleaned.encode()


def test_shorten_marks_the_cut() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abc..."


def test_short_names_are_endings_that_tell_apart() -> None:
    names = ["a.x.width", "b.width", "generator.lr", "discriminator.lr", "batch"]
    assert short_names(names) == {
        "a.x.width": "x.width",
        "b.width": "b.width",
        "generator.lr": "G.lr",
        "discriminator.lr": "D.lr",
        "batch": "batch",
    }
    assert short_names(["lr", "generator.lr"])["lr"] == "lr"


@given(st.lists(st.from_regex(r"[a-c](\.[a-c]){0,3}", fullmatch=True), unique=True))
def test_short_names_are_unique(names: list[str]) -> None:
    shortened = short_names(names)
    assert len(set(shortened.values())) == len(names)


def test_varying_leaves_out_what_all_share() -> None:
    trials = [
        {"lr": 1e-4, "batch": 64},
        {"lr": 2e-4, "batch": 64},
        {"lr": 2e-4, "batch": 64, "w": 1},
    ]
    assert varying(trials) == ["lr", "w"]
    assert varying([{"lr": 1e-4, "batch": 64}]) == ["lr", "batch"]
    assert varying([{"flag": True}, {"flag": 1}]) == ["flag"]
    assert varying([]) == []


def test_configuration_in_short() -> None:
    params = {
        "architecture": "progan",
        "architecture.progan.width": 16,
        "loss": "ns",
        "loss.ns.smoothing": "none",
        "generator.lr": 3.1e-4,
        "discriminator.lr": 2e-4,
    }
    assert configuration(params) == ("progan ns width=16 smoothing=none G.lr=3.1e-4 D.lr=2e-4")
    assert configuration(params, ["generator.lr", "absent"]) == "G.lr=3.1e-4"


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [
        (4625.0, 68.465, "68.5"),
        (41.2, 1.055, "1.05"),
        (0.5, 0.0123, "0.012"),
        (0.01, 0.0012, "0.0012"),
    ],
)
def test_a_spread_has_the_decimals_of_its_mean(mean: float, spread: float, text: str) -> None:
    assert decimals_of(mean, spread) == text
