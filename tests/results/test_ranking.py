"""The order of trials, and what is told beside it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch import __version__
from animesearch.results.comparison import group_runs
from animesearch.results.ranking import (
    NOISE_NOTE,
    RACE_NOTE,
    SEED_NOTE,
    metric_share,
    protocol_id,
    pruned_at,
    rank,
    ranking_json,
    stops,
)
from animesearch.results.records import Event
from animesearch.results.state import fold
from tests.results.scripted_run import (
    created,
    decided,
    ended,
    race,
    reported,
    rescored,
    run_info,
    started,
)


def test_fresh_scores_first_then_race_scores_then_those_without_a_number() -> None:
    ranking = rank(fold(race()))
    assert [(r.place, r.trial_id, r.score) for r in ranking] == [
        (1, "t0000", 4590.9),
        (2, "t0005", 4630.2),
        (3, "t0002", 5400.0),
        (4, "t0001", 5700.0),
        (None, "t0003", None),
        (None, "t0004", None),
    ]
    assert [r.fresh for r in ranking] == [True, True, False, False, False, False]


def test_a_fresh_score_stands_before_a_better_race_score() -> None:
    events = [created(0), reported(0, 0, 1.0), created(1), reported(1, 0, 2.0), rescored(1, 3.0)]
    assert [r.trial_id for r in rank(fold(events))] == ["t0001", "t0000"]


def test_a_collapsed_trial_shows_no_number_and_keeps_its_code() -> None:
    collapsed = next(r for r in rank(fold(race())) if r.state == "collapsed")
    assert (collapsed.score, collapsed.race_best, collapsed.last_score) == (None, None, None)
    assert (collapsed.reason, collapsed.images) == ("mode-collapse", 6000)


def test_reasons_rungs_and_times() -> None:
    by_id = {r.trial_id: r for r in rank(fold(race()))}
    assert by_id["t0002"].reason == "2 of 2 at this rung, the best 1 go on"
    assert by_id["t0004"].reason.startswith("worker died")
    assert by_id["t0000"].reason == ""
    assert {name: r.rungs_survived for name, r in by_id.items()} == {
        "t0000": 4,
        "t0001": 0,
        "t0002": 1,
        "t0003": 1,
        "t0004": 0,
        "t0005": 4,
    }
    assert by_id["t0000"].device_seconds == 40.0
    assert by_id["t0004"].device_seconds is None
    assert (by_id["t0002"].race_best, by_id["t0002"].last_score) == (5400.0, 5400.0)
    assert by_id["t0002"].noise == 12.5


def test_an_interrupted_trial_is_ranked_by_what_it_has() -> None:
    events = [created(0), created(1), started(1), reported(1, 0, 9.0), created(2)]
    assert [(r.trial_id, r.place, r.state) for r in rank(fold(events))] == [
        ("t0001", 1, "running"),
        ("t0000", None, "pending"),
        ("t0002", None, "pending"),
    ]


def test_equal_scores_stand_in_the_order_of_creation() -> None:
    events = [created(1), created(0), reported(1, 0, 5.0), reported(0, 0, 5.0)]
    assert [r.trial_id for r in rank(fold(events))] == ["t0000", "t0001"]


def test_stops_and_rungs_are_counted() -> None:
    state = fold(race())
    assert stops(state) == {"race": 2, "mode-collapse": 1, "fault": 1}
    assert pruned_at(state) == {4000: 1, 8000: 1}


def test_the_share_of_metrics_is_a_sum_over_reports_and_trials() -> None:
    events = [
        created(0),
        reported(0, 0, 9.0, metric_seconds=1.0, device_seconds=10.0),
        reported(0, 1, 8.0, metric_seconds=2.0, device_seconds=30.0),
        created(1),
        reported(1, 0, 8.0, metric_seconds=1.0, device_seconds=10.0),
        created(2),
        reported(2, 0, 8.0, device_seconds=1000.0),
    ]
    assert metric_share(fold(events)) == pytest.approx(0.1)
    assert metric_share(fold([created(0), reported(0, 0, 9.0)])) is None
    assert metric_share(fold([])) is None


def test_the_json_tells_where_it_comes_from_and_what_to_beware_of() -> None:
    told = ranking_json(run_info(notes=("data: 4,000 images",)), fold(race()))
    assert told["written_by"] == f"animesearch {__version__}"
    assert told["metric"] == "fd-lite0" and told["lower_is_better"] is True
    assert told["protocol"]["samples"] == 1000
    assert told["counts"] == {"completed": 2, "pruned": 2, "collapsed": 1, "failed": 1}
    assert told["notes"] == ["data: 4,000 images", RACE_NOTE, NOISE_NOTE, SEED_NOTE]
    assert told["metric_share"] == pytest.approx(11 * 0.5 / (40 + 5 + 10 + 5 + 40), rel=0.2)
    assert told["trials"][0]["params"]["loss"] == "ns"


def test_the_note_on_seeds_goes_where_seeds_were_repeated() -> None:
    first = created(0, lr=1.0)
    again = first.model_copy(update={"trial_id": "t0001", "number": 1, "seed": 99})
    events: list[Event] = [first, again, reported(0, 0, 5.0), reported(1, 0, 6.0)]
    assert SEED_NOTE in ranking_json(run_info(), fold(events[:1] + events[2:3]))["notes"]
    assert ranking_json(run_info(), fold(events))["notes"] == [RACE_NOTE]
    twice = [first, first.model_copy(update={"trial_id": "t0002"})]
    assert ranking_json(run_info(), fold(twice))["notes"] == []


def test_the_json_of_an_empty_run() -> None:
    told = ranking_json(run_info(), fold([]))
    assert (told["trials"], told["counts"], told["notes"]) == ([], {}, [])
    json.dumps(told, allow_nan=False)


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} in the JSON")


scores = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(scores, st.sampled_from(["pruned", "collapsed", "failed", "completed"]))))
def test_any_scores_are_ranked_in_order_and_written_finite(
    drawn: list[tuple[float, str]],
) -> None:
    events: list[Event] = []
    for number, (score, state) in enumerate(drawn):
        events += [created(number), reported(number, 0, score), decided(number, 0, "continue")]
        events.append(ended(number, state))
    ranking = rank(fold(events))
    shown = [r.score for r in ranking if r.score is not None]
    assert shown == sorted(shown)
    assert [r.place for r in ranking[: len(shown)]] == list(range(1, len(shown) + 1))
    assert all(r.place is None for r in ranking[len(shown) :])
    text = json.dumps(ranking_json(run_info(), fold(events)), allow_nan=False)
    json.loads(text, parse_constant=refuse_constant)


def test_numbers_that_json_does_not_know_become_null() -> None:
    state = fold([created(0), reported(0, 0, 5.0)])
    state.trials["t0000"].created.config["late"] = math.nan
    told = ranking_json(run_info(), state)
    assert told["trials"][0]["config"]["late"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "fid"},
        {"protocol": {"features": "lite0", "samples": 2000, "data": "abc"}},
        {"protocol": {"features": "lite0", "samples": 1000, "data": "other"}},
    ],
)
def test_another_protocol_is_another_group(change: dict[str, Any]) -> None:
    state = fold(race())
    one, same, other = run_info(), run_info(name="again", seed=7), run_info(**change)
    assert protocol_id(one) == protocol_id(same) != protocol_id(other)
    groups = group_runs({"one": (one, state), "other": (other, state), "same": (same, state)})
    assert [list(group.runs) for group in groups] == [["one", "same"], ["other"]]
    assert [group.protocol_id for group in groups] == [protocol_id(one), protocol_id(other)]
