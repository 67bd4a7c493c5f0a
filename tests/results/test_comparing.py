"""Trials and runs side by side."""

from __future__ import annotations

import json
from typing import Any

from animesearch.results.comparing import compare_runs, compare_trials, progress_of, side_by_side
from animesearch.results.configurations import rank_configurations
from animesearch.results.records import Event
from animesearch.results.state import RunState, fold
from tests.results.scripted_run import created, ended, race, reported, rescored, run_info


def compared(state: RunState, *trials: str) -> dict[str, Any]:
    return compare_trials(state, rank_configurations(state), trials)


def test_options_stand_beside_each_other_and_differences_are_marked() -> None:
    rows = side_by_side([{"a": {"x": 1, "y": 2}, "b": None}, {"a": {"x": 1, "y": 3}, "c": True}])
    assert rows == [
        {"path": "a.x", "values": ["1", "1"], "differs": False},
        {"path": "a.y", "values": ["2", "3"], "differs": True},
        {"path": "b", "values": ["none", "absent"], "differs": True},
        {"path": "c", "values": ["absent", "true"], "differs": True},
    ]


def test_a_third_trial_alone_may_differ() -> None:
    (row,) = side_by_side([{"a": 1}, {"a": 1}, {"a": 2}])
    assert row["differs"]


def test_trials_come_in_the_order_asked_for_with_standing_verdict_and_curve() -> None:
    found = compared(fold(race()), "t0003", "t0000")["trials"]
    assert [one["standing"]["place"] for one in found] == [None, 1]
    assert found[0]["verdict"]["code"] == "mode-collapse"
    assert found[1]["verdict"] is None
    assert (found[0]["curve"], found[1]["curve"][-1]) == ([], (32000, 4534.1))


def test_measurements_are_those_of_the_last_report_without_bookkeeping() -> None:
    metrics = {"sample_diversity": 0.5, "device_seconds": 9.0, "config/a": 3, "pid": 7,
               "confusion_real_as_real": 4, "time_total_s": 5.0, "d_accuracy": 0.7}  # fmt: skip
    state = fold([created(0), reported(0, 0, 2.0, sample_diversity=0.1),
                  reported(0, 1, 1.0, **metrics)])  # fmt: skip
    (found,) = compared(state, "t0000")["trials"]
    assert found["measures"] == {"sample_diversity": 0.5, "d_accuracy": 0.7}


def test_runs_of_another_protocol_are_refused_by_name_with_what_differs() -> None:
    other = run_info(protocol={"features": "lite0", "samples": 500, "data": "abc"})
    state = fold(race())
    found = compare_runs({"a": (run_info(), state), "b": (other, state), "c": (run_info(), state)})
    assert [one["run"] for one in found["runs"]] == ["a", "c"]
    (refused,) = found["refused"]
    assert refused == {"run": "b", "differs": [{"path": "samples", "here": "500", "there": "1000"}]}
    assert {row["run"] for row in found["rows"]} == {"a", "c"}
    assert [row["place"] for row in found["rows"][:4]] == [1, 2, 3, 4]
    json.dumps(found, allow_nan=False)


def test_runs_are_told_how_their_spaces_differ() -> None:
    other = run_info(space={"search": {"trials": 10, "sampler": "random"}})
    state = fold(race())
    found = compare_runs({"a": (run_info(), state), "b": (other, state)})
    assert found["spaces"] == [
        {"path": "search.sampler", "values": ["absent", "random"], "differs": True}
    ]


def test_the_best_so_far_is_over_the_images_of_all_trials() -> None:
    events: list[Event] = [
        created(0), created(1), created(2),
        reported(0, 0, 50.0), reported(1, 0, 60.0), reported(2, 0, 1.0), reported(0, 1, 40.0),
        ended(2, "collapsed"), rescored(0, 45.0),
    ]  # fmt: skip
    assert progress_of(fold(events)) == [(4000, 50.0), (16000, 40.0), (16000, 40.0)]
    assert progress_of(fold([])) == []


def test_a_run_without_scores_can_be_compared() -> None:
    found = compare_runs({"a": (run_info(), fold([])), "b": (run_info(), fold([created(0)]))})
    assert [one["best"] for one in found["runs"]] == [None, None]
