"""The fold: the same state from the same events, however often a worker repeats itself."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.errors import RunFolderError
from animesearch.results.records import Event, RunClosed, RungReported, RunOpened, TrialCreated
from animesearch.results.state import RunState, fold, snapshot
from tests.results.scripted_run import (
    created,
    decided,
    ended,
    final,
    race,
    reported,
    rescored,
    started,
)


def opened(session: int) -> RunOpened:
    return RunOpened(at=0.0, session=session)


def test_a_whole_race() -> None:
    state = fold(race())
    assert {trial_id: trial.state for trial_id, trial in state.trials.items()} == {
        "t0000": "completed",
        "t0001": "pruned",
        "t0002": "pruned",
        "t0003": "collapsed",
        "t0004": "failed",
        "t0005": "completed",
    }
    assert state.outcome == "complete"
    assert state.worst_score == 5700.0
    assert state.unfinished() == []
    best = state.trials["t0005"].best
    assert best is not None and (best.score, best.images) == (4500.0, 32000)
    assert state.trials["t0003"].images == 6000


def test_a_rung_reported_twice_counts_once_and_the_first_stays() -> None:
    state = fold([created(0), started(0), reported(0, 0, 5.0), reported(0, 0, 1.0, attempt=2)])
    assert [report.score for report in state.reports] == [5.0]
    assert state.trials["t0000"].rungs[0].score == 5.0


def test_the_first_decision_on_a_rung_and_the_first_end_stay() -> None:
    events = [created(0), started(0), reported(0, 0, 5.0)]
    events += [decided(0, 0, "continue"), decided(0, 0, "stop")]
    events += [ended(0, "completed"), ended(0, "failed"), started(0, attempt=2)]
    trial = fold(events).trials["t0000"]
    assert trial.decisions[0].action == "continue"
    assert trial.state == "completed"
    assert trial.attempt == 1


def test_final_runs_are_trials_of_their_own_phase_and_no_arrivals_of_the_race() -> None:
    state = fold([*race(), *final(0, 0, 9999.0)])
    assert [trial.trial_id for trial in state.of_phase("final")] == ["t0000-s0"]
    assert len(state.of_phase("race")) == 6 and len(state.trials) == 7
    assert {report.trial_id for report in state.reports} <= set(fold(race()).trials)
    assert state.worst_score == 5700.0
    trial = state.trials["t0000-s0"]
    assert trial.phase == "final" and list(trial.rungs) == [3] and trial.done


def test_equal_scores_keep_the_earlier_report_as_the_best() -> None:
    trial = fold([created(0), reported(0, 0, 5.0), reported(0, 1, 5.0)]).trials["t0000"]
    assert trial.best is not None and trial.best.rung == 0
    assert trial.last is not None and trial.last.rung == 1


def test_a_trial_without_reports_has_no_numbers() -> None:
    trial = fold([created(0)]).trials["t0000"]
    assert (trial.best, trial.last, trial.images, trial.state) == (None, None, 0, "pending")
    assert fold([]).worst_score is None


def test_resume_sets_running_trials_back_and_keeps_the_rest() -> None:
    events: list[Event] = [opened(1), created(0), created(1), started(0), started(1)]
    events += [reported(0, 0, 5.0), ended(1, "completed"), opened(2)]
    state = fold(events)
    assert (state.trials["t0000"].state, state.trials["t0001"].state) == ("pending", "completed")
    assert state.trials["t0000"].rungs[0].score == 5.0
    assert state.sessions == 2
    state.apply(started(0, attempt=2))
    assert (state.trials["t0000"].state, state.trials["t0000"].attempt) == ("running", 2)


def test_an_orderly_end_leaves_nothing_running() -> None:
    state = fold([opened(1), created(0), started(0), RunClosed(at=0.0, outcome="interrupted")])
    assert state.trials["t0000"].state == "pending"
    assert state.outcome == "interrupted"
    state.apply(opened(2))
    assert state.outcome == ""


def test_a_trial_created_twice_is_one_unless_it_is_another() -> None:
    state = fold([created(0), reported(0, 0, 5.0), created(0)])
    assert state.trials["t0000"].rungs[0].score == 5.0
    other = created(0, lr=1.0)
    with pytest.raises(RunFolderError, match="creates t0000 twice"):
        state.apply(other)


@pytest.mark.parametrize(
    "event",
    [started(7), reported(7, 0, 1.0), decided(7, 0, "stop"), ended(7, "failed"), rescored(7, 1.0)],
)
def test_an_event_of_an_unknown_trial_is_a_clear_error(event: Event) -> None:
    with pytest.raises(RunFolderError, match="no trial t0007") as caught:
        fold([event])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_something_that_is_no_event_is_a_bug() -> None:
    with pytest.raises(TypeError, match="not an event"):
        RunState().apply("started")  # type: ignore[arg-type]


def test_a_snapshot_is_not_changed_by_later_events() -> None:
    state = fold([created(0), started(0)])
    copy = snapshot(state.trials["t0000"])
    state.apply(reported(0, 0, 5.0))
    state.apply(ended(0, "failed"))
    assert (copy.rungs, copy.state) == ({}, "running")


EVENTS_OF_TWO = st.sampled_from(
    [
        opened(1),
        opened(2),
        *(
            event
            for number in (0, 1)
            for event in (
                created(number),
                started(number),
                started(number, attempt=2),
                reported(number, 0, 5.0 + number),
                reported(number, 0, 1.0, attempt=2),
                reported(number, 1, 4.0 - number),
                decided(number, 0, "continue"),
                decided(number, 0, "stop"),
                ended(number, "pruned", images=4000),
                ended(number, "completed", images=32000),
                rescored(number, 4.5),
            )
        ),
        RunClosed(at=0.0, outcome="interrupted"),
    ]
)


def with_creations(events: list[Event]) -> list[Event]:
    return [created(0), created(1), *events]


@given(st.lists(EVENTS_OF_TWO, max_size=30))
def test_any_order_gives_a_sound_state(drawn: list[Event]) -> None:
    """A rung counts once, and what has ended never changes."""
    state, over = RunState(), {}
    for event in with_creations(drawn):
        state.apply(event)
        for trial in state.trials.values():
            if trial.trial_id in over:
                assert (trial.state, trial.ended) == over[trial.trial_id]
            elif trial.done:
                over[trial.trial_id] = (trial.state, trial.ended)
    keys = [(report.trial_id, report.rung) for report in state.reports]
    assert len(keys) == len(set(keys))
    rungs = {(trial.trial_id, rung) for trial in state.trials.values() for rung in trial.rungs}
    assert set(keys) == rungs
    arrived: dict[tuple[str, int], RungReported] = {}
    for event in drawn:
        if isinstance(event, RungReported):
            arrived.setdefault((event.trial_id, event.rung), event)
    assert state.reports == list(arrived.values())


@given(st.lists(EVENTS_OF_TWO, max_size=30))
def test_repeating_every_report_changes_nothing(drawn: list[Event]) -> None:
    once = with_creations(drawn)
    again = [copy for event in once for copy in _twice(event)]
    assert fold(once) == fold(again)


def _twice(event: Event) -> list[Event]:
    repeated = isinstance(event, RungReported | TrialCreated)
    return [event, event] if repeated else [event]


@given(st.lists(EVENTS_OF_TWO, max_size=30), st.data())
def test_trials_do_not_touch_one_another(drawn: list[Event], data: st.DataObject) -> None:
    """Only the order of a trial's own events matters for it: two workers may overtake."""
    own = [event for event in drawn if getattr(event, "trial_id", "") == "t0000"]
    others = [event for event in drawn if getattr(event, "trial_id", "") == "t0001"]
    mixed, left, right = [], list(own), list(others)
    while left or right:
        from_left = bool(left) and (not right or data.draw(st.booleans()))
        mixed.append(left.pop(0) if from_left else right.pop(0))
    apart, together = fold(with_creations(own + others)), fold(with_creations(mixed))
    assert apart.trials == together.trials
