"""What a view counts one event at a time is what a look at all trials counts."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from animesearch.results.formats import varying
from animesearch.results.progress import Plan, Progress
from animesearch.results.ranking import rank, stop_code
from animesearch.results.records import (
    AttemptStarted,
    Decided,
    Event,
    Rescored,
    RunClosed,
    RungReported,
    RunOpened,
    TrialCreated,
    TrialEnded,
)
from animesearch.results.state import DONE, RunState
from tests.results.scripted_run import RUNGS, created

PLAN = Plan("many", "fid", 40, RUNGS[-1], RUNGS, finals=4)


def events_of(draw: random.Random, trials: int) -> list[Event]:
    """A search that goes every way there is: stops, collapses of the leader, failures, finals."""
    events: list[Event] = [RunOpened(at=0.0, session=1)]
    for number in range(trials):
        params = {"lr": draw.random()} if draw.random() < 0.7 else {"lr": 0.5, "width": 4}
        one = created(number, **params)
        if number >= trials - 3:
            one = one.model_copy(update={"phase": "final", "trial_id": f"t{number:04d}-s0"})
        events += _trial(draw, one)
        if draw.random() < 0.1:
            closed: list[Event] = [RunClosed(at=0.0, outcome="interrupted")]
            events += [*closed, RunOpened(at=0.0, session=2)]
    return events


def _trial(draw: random.Random, one: TrialCreated) -> list[Event]:
    name = one.trial_id
    events: list[Event] = [one, AttemptStarted(at=0.0, trial_id=name, attempt=1)]
    for rung in range(draw.randrange(len(RUNGS) + 1)):
        images, score = RUNGS[rung] + draw.randrange(8), draw.uniform(0, 50)
        told = {"rung": rung, "images": images, "score": score}
        events.append(RungReported(at=0.0, trial_id=name, attempt=1, **told))
        events.append(Decided(at=0.0, trial_id=name, rung=rung, action="continue", why=""))
    state = draw.choice(["completed", "pruned", "collapsed", "failed", ""])
    if state:
        reason = draw.choice(["explosion", "nonfinite"]) if state == "collapsed" else ""
        images = draw.randrange(RUNGS[-1])
        events.append(
            TrialEnded(at=0.0, trial_id=name, state=state, reason=reason, images=images)  # type: ignore[arg-type]
        )
    if draw.random() < 0.2:
        fresh = {"score": draw.uniform(0, 60), "samples": 10, "first_latent": 0}
        events.append(Rescored(at=0.0, trial_id=name, **fresh))
    return events


@pytest.mark.parametrize("seed", range(12))
def test_counted_one_by_one(seed: int) -> None:
    draw, state = random.Random(seed), RunState()
    progress = Progress(PLAN, lambda: 0.0)
    for event in events_of(draw, 30):
        state.apply(event)
        progress.observe(event, state)
        check(progress, state)


def check(progress: Progress, state: RunState) -> None:
    seen = progress.overview()
    racing = state.of_phase("race")
    assert seen.counts == Counter(trial.state for trial in racing)
    assert seen.to_start == max(0, PLAN.trials - len(racing))
    assert [row.trial_id for row in seen.running] == [
        trial.trial_id for trial in state.by_state("running")
    ]
    assert seen.done_images == sum(trial.images for trial in state.trials.values())
    best = rank(state)[0] if state.trials else None
    told = (seen.best.trial_id, seen.best.score) if seen.best else None
    assert told == ((best.trial_id, best.score) if best and best.place else None)
    codes = Counter(stop_code(trial) for trial in state.trials.values())
    assert seen.stops == {code: count for code, count in codes.items() if code}
    assert seen.expected_images == round(seen.done_images + left(state))
    names = varying([trial.params for trial in state.trials.values()])
    for trial in state.trials.values():
        shown = progress.configuration(trial.trial_id)
        assert all(f"{name}=" in shown for name in names if name in trial.params)
    pruned = Counter(trial.last.rung for trial in racing if trial.state == "pruned" and trial.last)
    fewest = {
        rung: min(report.images for report in state.reports if report.rung == rung)
        for rung in pruned
    }
    assert seen.pruned_at == {fewest[rung]: count for rung, count in pruned.items()}


def left(state: RunState) -> float:
    """Images that are expected to be trained still."""
    going = [trial for trial in state.trials.values() if trial.state not in DONE]
    racing = sum(PLAN.remaining(trial.images) for trial in going if trial.phase == "race")
    finals = sum(max(0, PLAN.images - t.images) for t in going if t.phase == "final")
    to_start = max(0, PLAN.trials - len(state.of_phase("race"))) * PLAN.remaining()
    return racing + finals + to_start + PLAN.images * (PLAN.finals - len(state.of_phase("final")))


def test_names_that_vary_are_those_of_a_look_at_all() -> None:
    draw = random.Random(3)
    for _ in range(200):
        trials = [
            {name: draw.choice([1, True, 1.0, "1", None]) for name in draw.sample("abcd", 2)}
            for _ in range(draw.randrange(5))
        ]
        names = list(dict.fromkeys(name for one in trials for name in one))
        kinds = {
            name: {(name in one, type(one.get(name)), one.get(name)) for one in trials}
            for name in names
        }
        assert varying(trials) == ([name for name in names if len(kinds[name]) > 1] or names)
