"""Where two configurations differ."""

from __future__ import annotations

from animesearch.results.differences import Difference, difference, flatten


def test_differing_values_and_paths_that_one_side_lacks() -> None:
    here = {"loss": {"name": "ns"}, "batch": 32, "lr": 0.1, "same": {"a": [1, 2]}}
    there = {"loss": {"name": "ns"}, "batch": 16, "same": {"a": [1, 2]}, "ema": {"half_life": 9}}
    assert difference(here, there) == [
        Difference("batch", "32", "16"),
        Difference("lr", "0.1", "absent"),
        Difference("ema.half_life", "absent", "9"),
    ]


def test_a_configuration_does_not_differ_from_itself() -> None:
    tree = {"a": {"b": [{"c": 1}], "d": {}}, "e": None}
    assert difference(tree, tree) == []


def test_lists_are_numbered_and_empty_branches_stay() -> None:
    tree = {"a": [{"b": 1}, 2], "c": {}, "d": []}
    assert dict(flatten(tree)) == {"a.0.b": 1, "a.1": 2, "c": "empty", "d": "empty"}


def test_close_numbers_are_told_apart() -> None:
    (found,) = difference({"lr": 0.00021}, {"lr": 0.000211})
    assert found.here != found.there
