"""Halving on noisy scores: close losers are spared, within bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.schedulers.base import Arrival, Decision

NOISY = st.tuples(st.floats(0, 100), st.floats(0, 50))


def arrivals(*pairs: tuple[float, float]) -> list[Arrival]:
    return [Arrival(f"t{i}", i, "a", 1, score, "", n) for i, (score, n) in enumerate(pairs)]


def decisions(asha: Asha, *pairs: tuple[float, float]) -> list[Decision]:
    field = arrivals(*pairs)
    return [asha.halve(field[: place + 1]) for place in range(len(field))]


def test_without_noise_nobody_is_spared() -> None:
    last = decisions(Asha(spare=1), (1.0, 0.0), (1.0 + 1e-9, 0.0))[-1]
    assert not last.proceed and "interval" not in last.why


@pytest.mark.parametrize(
    ("score", "noise", "proceeds"),
    [(12.0, 1.0, False), (12.0, 1.05, True), (11.9, 1.0, True), (200.0, 97.0, True)],
)
def test_an_interval_that_reaches_the_cut(score: float, noise: float, proceeds: bool) -> None:
    """The cut stands at 10; the half-width is 1.96 standard errors."""
    last = decisions(Asha(spare=1), (10.0, 0.0), (score, noise))[-1]
    assert last.proceed is proceeds
    if proceeds:
        assert "crosses the cut at 10: spared, 1 of at most 2" in last.why


def test_no_more_than_its_share_is_spared() -> None:
    field = [(10.0, 5.0)] + [(11.0 + place / 100, 5.0) for place in range(15)]
    found = decisions(Asha(eta=16, spare=0.125), *field)
    spared = [place for place, decision in enumerate(found) if "spared, " in decision.why]
    assert spared == [7, 15], "the first of 8, the second of 16"
    assert "but 0 of at most 0 are spared" in found[1].why
    assert not found[1].proceed


def test_grace_takes_nothing_from_those_that_need_to_be_spared() -> None:
    """Three of family b are too close to be told from the best; every second may be spared."""
    asha = Asha(spare=0.5, eta=16, grace={"b": 0.5})
    scores = [("a", 10.0), ("b", 10.1), ("b", 10.2), ("b", 10.3), ("a", 10.4)]
    field = [Arrival(f"t{i}", i, one, 1, score, "", 5.0) for i, (one, score) in enumerate(scores)]
    found = [asha.decide(field[: place + 1], (1, 8)) for place in range(len(field))]
    assert [one.proceed for one in found] == [True] * 5
    assert "spared, 1 of at most 2" in found[-1].why


def test_no_doubt_no_mercy() -> None:
    assert not decisions(Asha(doubt=0, spare=1), (10.0, 9.0), (10.1, 9.0))[-1].proceed


@given(st.lists(NOISY, min_size=1, max_size=40), st.floats(0, 1), st.floats(1.5, 4))
def test_survivors_are_bounded(pairs: list[tuple[float, float]], spare: float, eta: float) -> None:
    """Of the last to arrive no more than the share is spared, whatever the noise."""
    asha = Asha(eta=eta, spare=spare)
    found = decisions(asha, *pairs)
    spared = sum(": spared, " in decision.why for decision in found)
    assert spared <= math.floor(spare * len(pairs))


@given(st.lists(NOISY, min_size=1, max_size=20))
def test_noise_only_ever_helps(pairs: list[tuple[float, float]]) -> None:
    asha = Asha(spare=1)
    quiet = asha.halve(arrivals(*((score, 0.0) for score, _ in pairs)))
    if quiet.proceed:
        assert asha.halve(arrivals(*pairs)).proceed
