"""Several runs: together where scores mean the same, apart with the reason where they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from animesearch.results.comparison import (
    Group,
    comparison_json,
    group_runs,
    run_names,
    what_differs,
)
from animesearch.results.ranking import Run
from animesearch.results.records import Event
from animesearch.results.state import fold
from tests.results.scripted_run import created, final, race, reported, run_info

MORE = {"protocol": {"features": "lite0", "samples": 2000, "data": "abc"}}


def run(events: list[Event] | None = None, **changes: Any) -> Run:
    return run_info(**changes), fold(race() if events is None else events)


def names(groups: list[Group]) -> list[list[str]]:
    return [list(group.runs) for group in groups]


def reasons(group: Group, first: Group) -> list[tuple[str, str, str]]:
    return [(one.path, one.here, one.there) for one in what_differs(group, first)]


def test_one_protocol_is_one_group_whatever_else_differs() -> None:
    groups = group_runs({"a": run(), "b": run(seed=9, name="other", trials=99)})
    assert names(groups) == [["a", "b"]]
    assert len(groups[0].ranking()) == 12
    assert what_differs(groups[0], groups[0]) == []


def test_another_protocol_stands_apart_and_says_what_differs() -> None:
    other = {"features": "lite0", "samples": 1000, "data": "xyz"}
    groups = group_runs({"a": run(), "b": run(**MORE), "c": run(metric="fid", protocol=other)})
    assert names(groups) == [["a"], ["b"], ["c"]]
    assert reasons(groups[1], groups[0]) == [("samples", "2000", "1000")]
    assert reasons(groups[2], groups[0]) == [("metric", "fid", "fd-lite0"), ("data", "xyz", "abc")]


def test_fresh_scores_on_other_counts_stand_apart() -> None:
    many = run([*race(), *final(0, 0, 10.0, samples=10_000)])
    few = run([*race(), *final(0, 0, 5.0, samples=1000)])
    groups = group_runs({"many": many, "few": few, "again": many})
    assert names(groups) == [["many", "again"], ["few"]]
    why = "fresh samples of the runs from new seeds"
    assert reasons(groups[1], groups[0]) == [(why, "1000", "10000")]


def test_a_run_without_fresh_scores_goes_with_any() -> None:
    young = run([created(0), reported(0, 0, 5.0)])
    groups = group_runs({"whole": run(), "young": young, "other": run(**MORE)})
    assert names(groups) == [["whole", "young"], ["other"]]
    assert reasons(groups[1], groups[0]) == [("samples", "2000", "1000")]


def test_names_are_as_short_as_they_can_be_told_apart() -> None:
    folders = [Path("/runs/a/first"), Path("/runs/b/first"), Path("/runs/b/second")]
    assert list(run_names(folders)) == ["a/first", "b/first", "second"]
    assert list(run_names([Path("/x/run"), Path("/x/run")])) == ["run"]


def test_the_json_holds_every_group_and_every_run() -> None:
    groups = group_runs({"a": run(floor=2.5), "b": run(), "c": run(**MORE)})
    told = comparison_json(groups)
    json.dumps(told, allow_nan=False)
    first, second = told["groups"]
    assert first["floors"] == {"a": 2.5, "b": None} and first["differs"] == {}
    assert list(first["runs"]) == ["a", "b"]
    assert [row["run"] for row in first["configurations"]][:2] == ["a", "b"]
    assert second["differs"] == {"samples": {"here": "2000", "first": "1000"}}
    assert len(second["runs"]["c"]["trials"]) == 6
