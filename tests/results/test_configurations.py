"""The order of configurations: means, spreads, ties and failures, worked out by hand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.results.configurations import (
    RankedConfiguration,
    race_order,
    rank_configurations,
    rank_together,
)
from animesearch.results.leaderboard import configuration_table
from animesearch.results.ranking import FINAL_NOTE, NOISE_NOTE, SEED_NOTE, notes, rank, ranking_json
from animesearch.results.records import Event, TrialCreated
from animesearch.results.state import RunState, fold
from tests.results.scripted_run import (
    RUNGS,
    created,
    decided,
    ended,
    final,
    race,
    reported,
    rescored,
    run_info,
    started,
)


def twin(number: int, of: int) -> TrialCreated:
    """The configuration of trial ``of`` from another seed."""
    own = {"trial_id": f"t{number:04d}", "number": number, "seed": number}
    return created(of).model_copy(update=own)


def ranked(events: list[Event]) -> list[RankedConfiguration]:
    return rank_configurations(fold(events))


def finals(number: int, scores: list[float], **options: Any) -> list[Event]:
    return [event for k, score in enumerate(scores) for event in final(number, k, score, **options)]


def places(rows: list[RankedConfiguration]) -> list[tuple[int | None, str, str | None]]:
    return [(row.place, row.best_trial, row.basis) for row in rows]


def test_new_seeds_before_fresh_scores_before_the_race() -> None:
    rows = ranked([*race(), *finals(2, [5100.0, 5200.0])])
    assert places(rows) == [
        (1, "t0002-s0", "final"),
        (2, "t0000", "fresh"),
        (3, "t0005", "fresh"),
        (4, "t0001", "race"),
        (None, "t0003", None),
        (None, "t0004", None),
    ]
    assert [row.samples for row in rows] == [5000, 2000, 2000, None, None, None]


def test_mean_sd_and_interval_over_new_seeds_leave_the_winner_of_the_race_out() -> None:
    row = ranked([*race(), *finals(5, [10.0, 12.0, 14.0, 16.0, 18.0])])[0]
    sd = math.sqrt(10)
    assert (row.score, row.n, row.runs, row.failed) == (14.0, 5, 5, 0)
    assert row.sd == pytest.approx(sd)
    half = 2.776445 * sd / math.sqrt(5)
    assert (row.low, row.high) == pytest.approx((14 - half, 14 + half), abs=1e-4)
    assert row.interval == "seeds" and row.best_trial == "t0005-s0"
    assert row.trials == ("t0005", *(f"t0005-s{k}" for k in range(5)))
    assert len(row.seeds) == 6


def test_overlapping_intervals_are_ties_within_one_basis() -> None:
    """At 1 degree of freedom t = 12.7: 10 ± 12.7 and 30 ± 12.7 overlap, 60 ± 12.7 with neither."""
    events = [*race(), *finals(0, [9.0, 11.0]), *finals(5, [29.0, 31.0])]
    rows = ranked([*events, *finals(2, [59.0, 61.0])])
    assert [(r.score, r.first_place, r.last_place, r.tied) for r in rows[:3]] == [
        (10.0, 1, 2, True),
        (30.0, 1, 2, True),
        (60.0, 3, 3, False),
    ]
    assert (rows[3].first_place, rows[3].last_place) == (4, 4), "the race's best, alone"
    assert (rows[4].first_place, rows[4].tied) == (None, False)


def test_single_runs_tie_by_their_noise_and_not_without() -> None:
    """Standard errors of 12.5: 4590.9 ± 24.5 and 4630.2 ± 24.5 overlap by 9.7."""
    rows = ranked(race())
    assert [(r.first_place, r.last_place, r.interval) for r in rows[:4]] == [
        (1, 2, "noise"),
        (1, 2, "noise"),
        (3, 3, "noise"),
        (4, 4, "noise"),
    ]
    assert rows[0].high == pytest.approx(4590.9 + 1.959964 * 12.5)
    silent = ranked([created(0), reported(0, 0, 5.0), created(1), reported(1, 0, 5.1, noise=1.0)])
    assert [(r.interval, r.tied) for r in silent] == [(None, False), ("noise", False)]


def test_failed_final_runs_are_counted_and_not_in_the_mean() -> None:
    events = [*race(), *finals(0, [10.0, 14.0])]
    events += final(0, 2, None, "collapsed")
    events += final(0, 3, None, "failed")
    row = ranked(events)[0]
    assert (row.score, row.n, row.failed, row.runs) == (12.0, 2, 2, 4)


def test_a_configuration_whose_new_seeds_all_failed_has_no_number() -> None:
    events = [*race(), *final(0, 0, None, "collapsed"), *final(0, 1, None, "collapsed")]
    row = next(r for r in ranked(events) if r.best_trial.startswith("t0000"))
    assert (row.place, row.score, row.state) == (None, None, "collapsed")
    assert (row.failed, row.runs) == (2, 2)


def test_before_the_first_final_score_the_race_counts() -> None:
    begun = final(0, 0, None)[:2]
    row = next(r for r in ranked([*race(), *begun]) if r.best_trial == "t0000")
    assert (row.basis, row.score, row.runs) == ("fresh", 4590.9, 1)
    ended_unscored = ranked([*race(), *final(0, 0, None)])
    assert next(r for r in ended_unscored if r.best_trial == "t0000").basis == "fresh"


def test_repetitions_in_the_race_have_a_mean_and_failures() -> None:
    events: list[Event] = []
    for number, score in enumerate([10.0, 12.0, 20.0]):
        events += [twin(number, 0), reported(number, 3, score), ended(number, "completed")]
    events += [twin(3, 0), reported(3, 0, 1.0), ended(3, "collapsed", reason="mode-collapse")]
    (row,) = ranked(events)
    assert (row.basis, row.score, row.n, row.failed, row.runs) == ("race", 14.0, 3, 1, 4)
    assert (row.best_trial, row.sd) == ("t0000", pytest.approx(math.sqrt(28)))


def test_the_best_of_many_seeds_scored_again_does_not_stand_for_all() -> None:
    events: list[Event] = []
    for number, score in enumerate([10.0, 12.0]):
        events += [twin(number, 0), reported(number, 3, score), ended(number, "completed")]
    (part,) = ranked([*events, rescored(0, 10.5)])
    assert (part.basis, part.score) == ("race", 11.0)
    (whole,) = ranked([*events, rescored(0, 10.5), rescored(1, 12.5)])
    assert (whole.basis, whole.score, whole.n) == ("fresh", 11.5, 2)


def test_runs_stopped_early_are_not_in_the_mean() -> None:
    events: list[Event] = [twin(0, 0), reported(0, 3, 10.0), ended(0, "completed")]
    events += [twin(1, 0), reported(1, 0, 50.0), decided(1, 0, "stop"), ended(1, "pruned")]
    (row,) = ranked(events)
    assert (row.score, row.n, row.runs, row.failed) == (10.0, 1, 2, 0)


def test_other_counts_of_samples_never_mix() -> None:
    """Small counts bias a distance upward: they stand behind, however low."""
    events = [*race(), *finals(0, [9.0, 11.0]), *finals(5, [1.0, 3.0], samples=500)]
    rows = ranked(events)
    assert places(rows)[:2] == [(1, "t0000-s0", "final"), (2, "t0005-s0", "final")]
    assert not rows[0].tied and not rows[1].tied
    (one, *_) = ranked([*race(), *finals(0, [9.0, 11.0]), *final(0, 2, 99.0, samples=500)])
    assert (one.score, one.n) == (10.0, 2)


def test_equal_means_stand_in_the_order_of_creation() -> None:
    events: list[Event] = [created(1), created(0), reported(1, 0, 5.0), reported(0, 0, 5.0)]
    assert places(ranked(events)) == [(1, "t0000", "race"), (2, "t0001", "race")]


def test_the_race_alone_gives_its_order_whatever_was_scored_since() -> None:
    before = [trial.trial_id for trial in race_order(fold(race()[:-3]))]
    assert before == ["t0005", "t0000", "t0002", "t0001"]
    later = fold([*race(), *finals(2, [1.0, 2.0])])
    assert [trial.trial_id for trial in race_order(later)] == before
    running: list[Event] = [created(7), started(7), reported(7, 0, 1.0)]
    assert "t0007" not in {trial.trial_id for trial in race_order(fold([*race(), *running]))}


def test_several_runs_are_ranked_together_and_never_merged() -> None:
    one = fold([created(0), reported(0, 0, 5.0)])
    two = fold([created(0), reported(0, 0, 4.0), created(1), reported(1, 0, 6.0)])
    rows = rank_together({"a": one, "b": two})
    assert [(r.place, r.run, r.score, r.n) for r in rows] == [
        (1, "b", 4.0, 1),
        (2, "a", 5.0, 1),
        (3, "b", 6.0, 1),
    ]


def test_notes_say_what_the_intervals_hold() -> None:
    told = notes(run_info(), fold(race()))
    assert NOISE_NOTE in told and SEED_NOTE in told and FINAL_NOTE not in told
    assert "spread between seeds is larger" in NOISE_NOTE
    after = notes(run_info(), fold([*race(), *finals(0, [1.0, 2.0])]))
    assert FINAL_NOTE in after and SEED_NOTE not in after


def test_final_runs_are_not_counted_as_trials_of_the_race() -> None:
    told = ranking_json(run_info(floor=3.5), fold([*race(), *finals(0, [1.0, 2.0])]))
    assert told["counts"] == {"completed": 2, "pruned": 2, "collapsed": 1, "failed": 1}
    assert told["final_counts"] == {"completed": 2} and told["floor"] == 3.5
    assert [row["best_trial"] for row in told["configurations"]][:2] == ["t0000-s0", "t0005"]
    assert len(told["trials"]) == 8


states = st.sampled_from(["completed", "collapsed", "failed", "pruned"])
runs = st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6), states, st.booleans())


@given(st.lists(runs, max_size=14))
def test_any_runs_are_ranked_in_order(drawn: list[tuple[int, float, str, bool]]) -> None:
    events: list[Event] = []
    for number, (of, score, state, again) in enumerate(drawn):
        if again:
            events += [event.model_copy(update={"trial_id": f"f{number}"})
                       for event in final(of, 0, score, state)]  # fmt: skip
        else:
            events += [twin(number, of), reported(number, 3, score), ended(number, state)]
    rows = ranked(events)
    numbered = [row for row in rows if row.score is not None]
    assert rows[: len(numbered)] == numbered
    assert [row.place for row in numbered] == list(range(1, len(numbered) + 1))
    bases = [row.basis for row in numbered]
    assert bases == sorted(bases, key=["final", "fresh", "race", None].index)
    assert sorted(name for row in rows for name in row.trials) == sorted(fold(events).trials)
    for row in numbered:
        same = [other.score for other in numbered if other.basis == row.basis]
        assert same == sorted(same)
        if row.first_place is not None and row.last_place is not None:
            assert row.first_place <= (row.place or 0) <= row.last_place


def large() -> RunState:
    """500 trials and 50,000 events: 33 rungs each, and a restart at most of them."""
    events: list[Event] = []
    for number in range(500):
        events.append(created(number, **{f"option.{k}": number * k for k in range(12)}))
        for rung in range(33):
            score = float((number * 7919 + rung * 104729) % 9973)
            images = RUNGS[0] * (rung + 1)
            report = reported(number, 0, score, noise=3.0, device_seconds=float(rung))
            events.append(report.model_copy(update={"rung": rung, "images": images}))
            events.append(decided(number, rung, "continue"))
            events.append(started(number, attempt=rung + 1))
        events.append(ended(number, "completed" if number % 3 else "pruned"))
    assert len(events) >= 50_000
    return fold(events)


def test_a_large_run_is_ranked_at_once() -> None:
    """The best of three: a scan of all records for each trial would take minutes."""
    state, info = large(), run_info()

    def seconds(work: Callable[[RunState], object]) -> float:
        began = time.process_time()
        work(state)
        return time.process_time() - began

    for work in (rank_configurations, rank, lambda found: configuration_table(info, found)):
        assert min(seconds(work) for _ in range(3)) < 0.3
