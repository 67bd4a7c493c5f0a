"""The floor in words, as pages and reports show it."""

from __future__ import annotations

from animesearch.results.board import run_facts
from animesearch.results.configurations import rank_configurations
from animesearch.results.records import Event
from animesearch.results.state import fold
from tests.results.scripted_run import final, race, run_info

BETWEEN = "the distance between two halves of the real images"


def said(events: list[Event], floor: float | None) -> str:
    state = fold(events)
    facts = run_facts(run_info(floor=floor), state, rank_configurations(state))
    assert facts["floor"] == floor
    words: str = facts["floor_words"]
    return words


def test_one_floor_is_told_without_a_count() -> None:
    assert said(race(), 455.2) == f"455.20, {BETWEEN}"
    assert said([*race(), *final(0, 0, 10.0, floor=455.2)], 455.2) == f"455.20, {BETWEEN}"


def test_floors_of_several_counts_are_told_apart() -> None:
    many = final(0, 0, 10.0, floor=98.1)
    few = final(5, 0, 12.0, samples=500, floor=700.0)
    assert said([*race(), *many, *few], 455.2) == (
        f"455.20 in the race, 98.10 at 5,000 samples, 700.00 at 500 samples: {BETWEEN}"
    )


def test_nothing_is_told_where_none_was_measured() -> None:
    assert said(race(), None) == ""
