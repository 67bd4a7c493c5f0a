"""Rows of a page and the story of a trial, from the scripted race."""

from __future__ import annotations

import json

import yaml

from animesearch.metrics.verdict import REASONS
from animesearch.results.board import board_rows, curve, parameter_columns, run_facts
from animesearch.results.configurations import rank_configurations
from animesearch.results.ranking import rank
from animesearch.results.records import Event, Perturbed
from animesearch.results.state import RunState, fold
from animesearch.results.story import MEANINGS, companions, config_yaml, log, trial_story
from tests.results.scripted_run import created, ended, race, reported, run_info
from tests.results.web.runs import enriched


def told(state: RunState, trial: str) -> dict[str, object]:
    return trial_story(state, rank_configurations(state), state.trials[trial])


def state_of(events: list[Event]) -> RunState:
    return fold([enriched(event) for event in events])


def test_rows_stand_in_the_order_of_configurations_and_are_plain_json() -> None:
    state = fold(race())
    rows = board_rows(rank_configurations(state), rank(state), state)
    assert json.loads(json.dumps(rows, allow_nan=False))
    assert [(row["place"], row["trial"], row["score"]) for row in rows[:2]] == [
        (1, "t0000", 4590.9),
        (2, "t0005", 4630.2),
    ]
    assert rows[0]["curve"][-1] == (32000, 4534.1)
    assert (rows[0]["low"] < 4590.9 < rows[0]["high"], rows[0]["interval"]) == (True, "noise")
    lost = next(row for row in rows if row["state"] == "collapsed")
    assert (lost["score"], lost["curve"], lost["reason"]) == (None, [], "mode-collapse")


def test_ties_are_the_places_whose_intervals_overlap() -> None:
    events: list[Event] = [created(0), created(1), created(2)]
    events += [reported(n, 0, score, noise=10.0) for n, score in enumerate((100.0, 110.0, 200.0))]
    state = fold(events)
    rows = board_rows(rank_configurations(state), rank(state), state)
    assert [row["tied"] for row in rows] == [[1, 2], [1, 2], None]


def test_a_sparkline_keeps_its_ends() -> None:
    events: list[Event] = [created(0)]
    events += [reported(0, 0, 1.0).model_copy(update={"rung": n, "images": n}) for n in range(99)]
    trial = fold(events).trials["t0000"]
    assert len(curve(trial)) == 99
    assert [x for x, _ in curve(trial, 3)] == [0, 49, 98]


def test_parameters_that_differ_are_marked() -> None:
    ranking = rank(fold([created(0, a=1, b=0.5), created(1, a=2, b=0.5)]))
    assert [(c["name"], c["numeric"], c["varies"]) for c in parameter_columns(ranking)] == [
        ("a", True, True),
        ("b", True, False),
    ]


def test_facts_of_a_run() -> None:
    state = fold(race())
    facts = run_facts(run_info(floor=103.5), state, rank_configurations(state))
    assert (facts["planned"], facts["outcome"], facts["floor"]) == (10, "complete", 103.5)
    assert facts["counts"] == {"completed": 2, "pruned": 2, "collapsed": 1, "failed": 1}


def test_the_story_of_a_completed_trial() -> None:
    story = told(state_of(race()), "t0005")
    assert [rung["images"] for rung in story["rungs"]] == [4000, 8000, 16000, 32000]  # type: ignore[attr-defined]
    assert story["confusion"][0]["real_as_fake"] == 40  # type: ignore[index]
    assert set(story["companions"]) == {"sample_diversity"}  # type: ignore[call-overload]
    assert story["verdict"] is None
    assert story["best"] == "t0000"
    assert {one["path"] for one in story["differences"]} >= {"architecture", "loss"}  # type: ignore[attr-defined]
    times = [at for at, _ in story["log"]]  # type: ignore[attr-defined]
    assert times == sorted(times)
    assert story["log"][-1][1] == "scored again: 4630.2 on 2000 fresh samples"  # type: ignore[index]


def test_a_clock_that_was_set_back_does_not_turn_the_story_round() -> None:
    """Lines stand in the order of the journal, a perturbation between its rungs as well."""
    first = reported(0, 0, 5100.0).model_copy(update={"at": 7200.0})
    changed = Perturbed(at=3600.0, trial_id="t0000", config={"batch": 8})
    second = first.model_copy(update={"at": 1800.0, "rung": 1, "images": 8000, "score": 5000.0})
    end = ended(0, "completed").model_copy(update={"at": 900.0})
    state = fold([created(0), first, changed, second, end])
    lines = [line for _, line in log(state.trials["t0000"])]
    words = ("the sampler", "rung 0", "got another", "rung 1", "completed")
    assert [line.startswith(word) for line, word in zip(lines, words, strict=True)] == [True] * 5


def test_a_collapsed_trial_tells_its_verdict_and_no_number() -> None:
    events = [created(0), reported(0, 0, 5100.0)]
    evidence = "diversity 0.1 of its highest over 3 reports"
    state = fold([*events, ended(0, "collapsed", reason="mode-collapse", message=evidence)])
    story = told(state, "t0000")
    assert story["verdict"] == {
        "code": "mode-collapse",
        "meaning": REASONS["mode-collapse"],
        "evidence": evidence,
    }
    assert "5100" not in json.dumps(story["log"]) + json.dumps(story["rungs"])


def test_a_pruned_trial_tells_the_rule_and_a_failed_one_its_fault() -> None:
    state = fold(race())
    assert told(state, "t0001")["verdict"] == {
        "code": "race",
        "meaning": "",
        "evidence": "2 of 2 at this rung, the best 1 go on",
    }
    assert told(state, "t0004")["verdict"]["code"] == "fault"  # type: ignore[index]


def test_every_code_of_the_verdict_has_its_meaning() -> None:
    assert dict(MEANINGS) == dict(REASONS)


def test_the_configuration_goes_back_into_a_space() -> None:
    trial = fold(race()).trials["t0000"]
    assert yaml.safe_load(config_yaml(trial)) == {"trial": trial.config}


def test_new_measures_accompany_the_score_by_themselves() -> None:
    state = fold([created(0), reported(0, 0, 5.0, kid=0.25, recall=0.5, note="text", noise=1.0)])
    assert companions(state.trials["t0000"]) == {"kid": [(4000, 0.25)], "recall": [(4000, 0.5)]}
