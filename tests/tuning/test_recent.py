"""A sampler looks at a bounded part of a long study, and the same after a resume."""

from __future__ import annotations

import random
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from animesearch.tuning.recent import BEST, IDENTITY, RecentTrials
from animesearch.tuning.samplers import Tpe
from tests.tuning.scripted import Workers, open_race, outcome

OURS = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


def trial(number: int, state: TrialState, value: float) -> FrozenTrial:
    steps = {number % 4: value} if state is TrialState.PRUNED else {}
    ended = state in (TrialState.COMPLETE, TrialState.PRUNED)
    return create_trial(
        state=state,
        value=value if ended else None,
        user_attrs={IDENTITY: f"t{number}"},
        intermediate_values=steps,
    )


@pytest.mark.parametrize("complete", [0.5, 0.001])
def test_the_last_the_best_and_the_open_are_shown(complete: float) -> None:
    draw, window = random.Random(0), 50
    storage = RecentTrials(window)
    study = optuna.create_study(storage=storage)
    for number in range(400):
        word = TrialState.COMPLETE if draw.random() < complete else TrialState.PRUNED
        word = draw.choice([word] * 8 + [TrialState.FAIL, TrialState.RUNNING])
        study.add_trial(trial(number, word, draw.uniform(0, 100)))
        if draw.random() < 0.2:
            study.add_trial(create_trial(state=TrialState.FAIL))  # drawn and thrown away
        shown = study.get_trials(deepcopy=False)
        if number % 37 == 0 or number == 399:
            check(shown, storage.everything(0), window)
    assert len(shown) < window + BEST + 60, "not 400"


def check(shown: list[FrozenTrial], everything: list[FrozenTrial], window: int) -> None:
    names = [one.user_attrs.get(IDENTITY) for one in shown if one.user_attrs]
    older, last = everything[:-window], everything[-window:]
    ended = [one for one in older if one.state in OURS and one.state is not TrialState.RUNNING]
    best = sorted(ended, key=_tpe_order)[:BEST]
    wanted = {one.number for one in [*best, *last]}
    wanted |= {one.number for one in older if one.state is TrialState.RUNNING}
    assert names == [one.user_attrs[IDENTITY] for one in everything if one.number in wanted]


def _tpe_order(one: FrozenTrial) -> tuple[float, ...]:
    if one.state is TrialState.COMPLETE:
        return (0, 0, one.value or 0.0)
    return (1, -(one.last_step or 0), one.value or 0.0)


def test_a_resumed_search_looks_back_as_an_undisturbed_one(tmp_path: Path) -> None:
    tpe = Tpe(startup=5, window=50)
    whole = open_race(tmp_path / "whole", 90, sampler=tpe)
    Workers(whole, 4).run()
    for cut in (60, 120, 170):
        Workers(open_race(tmp_path / "cut", 90, sampler=tpe), 4).run(cut - 50)
    resumed = open_race(tmp_path / "cut", 90, sampler=tpe)
    Workers(resumed, 4).run()
    assert outcome(resumed.state) == outcome(whole.state)
    unbounded = open_race(tmp_path / "all", 90, sampler=Tpe(startup=5))
    Workers(unbounded, 4).run()
    assert outcome(unbounded.state)[:50] == outcome(whole.state)[:50], "nothing is left out yet"
    assert outcome(unbounded.state) != outcome(whole.state)
