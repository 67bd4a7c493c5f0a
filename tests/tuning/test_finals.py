"""The best configurations from new seeds: which, in what order, and again after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.results.configurations import race_order, rank_configurations
from animesearch.results.journal import Journal, read_journal, segments
from animesearch.results.records import Rescored
from animesearch.results.state import RunState, fold
from animesearch.searchspace.space import Space
from animesearch.tuning.finals import STAGE, FinalsPlan, planned_finals, replicas
from animesearch.tuning.finish import best_finals, shown_on_wall
from animesearch.tuning.prepare import load_search
from animesearch.tuning.race import replay
from animesearch.tuning.schedulers.asha import Asha
from tests.tuning.scripted import (
    RUNGS,
    SilentView,
    Workers,
    open_finals,
    open_race,
    outcome,
    scripted_space,
)
from tests.tuning.small import write_space

PLAN = FinalsPlan(RUNGS, seed=0, top=3, seeds=2)


def raced(folder: Path, trials: int = 12, space: Space | None = None) -> RunState:
    race = open_race(folder, trials, space=space)
    Workers(race, 2).run()
    return race.state


def finished(folder: Path, workers: int = 2, plan: FinalsPlan = PLAN) -> RunState:
    finals = open_finals(folder, plan)
    Workers(finals, workers).run()
    return finals.state


def finals_of(state: RunState) -> list[tuple[Any, ...]]:
    """Outcomes by name: workers may take interrupted ones up in another order."""
    names = {trial.trial_id for trial in state.of_phase("final")}
    return sorted(row for row in outcome(state) if row[0] in names)


def test_the_best_configurations_are_trained_to_the_end_from_new_seeds(tmp_path: Path) -> None:
    race = raced(tmp_path)
    best = race_order(race)[:3]
    state = finished(tmp_path)
    finals = state.of_phase("final")
    assert [trial.trial_id for trial in finals] == [
        f"{one.trial_id}-s{k}" for k in range(2) for one in best
    ]
    for trial in finals:
        model = state.trials[trial.trial_id.partition("-")[0]].created
        assert trial.state == "completed" and len(trial.rungs) == len(RUNGS)
        assert {d.action for d in trial.decisions.values()} == {"continue"}
        assert (trial.created.config_id, trial.config) == (model.config_id, model.config)
        assert trial.ended is not None and trial.ended.told is None, "no sampler hears of it"
    assert [trial.created.member for trial in finals] == [0, 0, 0, 1, 1, 1]
    assert [trial.created.number for trial in finals] == list(range(12, 18))
    seeds = [trial.created.seed for trial in state.trials.values()]
    assert len(set(seeds)) == 18


def test_seeds_follow_from_run_configuration_and_number_alone(tmp_path: Path) -> None:
    state = raced(tmp_path)
    first = replicas(state, PLAN)
    more = replicas(state, FinalsPlan(RUNGS, seed=0, top=4, seeds=3))
    other = replicas(state, FinalsPlan(RUNGS, seed=1, top=3, seeds=2))
    assert {one.trial_id: one.seed for one in first}.items() <= {
        one.trial_id: one.seed for one in more
    }.items()
    assert not {one.seed for one in first} & {one.seed for one in other}


def test_the_race_is_as_it_was(tmp_path: Path) -> None:
    """Final scores are no arrivals: they move neither decisions nor the sampler's study."""
    before = raced(tmp_path)
    reports, worst = list(before.reports), before.worst_score
    state = finished(tmp_path)
    assert state.reports == reports and state.worst_score == worst
    assert replay(Asha(), fold(read_journal(tmp_path)), RUNGS) == []
    reopened = open_race(tmp_path)
    assert reopened.exhausted and reopened.complete
    study = reopened._brain._study
    assert len(study.trials) == 12
    assert [trial.trial_id for trial in race_order(state)] == [
        trial.trial_id for trial in race_order(before)
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_interrupted_anywhere_they_are_the_same_finals(tmp_path: Path, workers: int) -> None:
    raced(tmp_path / "whole")
    expected = finals_of(finished(tmp_path / "whole", workers))
    total = len(expected) * len(RUNGS)
    for cut in (0, 1, total // 3, total // 2, total - 1):
        folder = tmp_path / f"cut{cut}"
        raced(folder)
        Workers(open_finals(folder, PLAN), workers).run(cut)
        assert finals_of(finished(folder, workers)) == expected, f"cut after {cut} reports"


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 9), max_size=4))
def test_interrupted_many_times(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    folder = tmp_path_factory.mktemp("finals")
    raced(folder / "whole")
    raced(folder / "cut")
    for cut in cuts:
        Workers(open_finals(folder / "cut", PLAN), 2).run(cut)
    assert finals_of(finished(folder / "cut")) == finals_of(finished(folder / "whole"))


def test_repeated_finals_change_nothing(tmp_path: Path) -> None:
    raced(tmp_path)
    before = finals_of(finished(tmp_path))
    again = open_finals(tmp_path, PLAN)
    written = len(segments(tmp_path))
    assert again.exhausted and again.complete and again.next() is None
    assert len(segments(tmp_path)) == written
    assert finals_of(again.state) == before


def test_a_collapsed_final_run_is_a_failed_one_of_its_configuration(tmp_path: Path) -> None:
    raced(tmp_path)
    finals = open_finals(tmp_path, PLAN)
    first = finals.next()
    assert first is not None
    finals.started(first.trial_id)
    goes_on = finals.report(first.trial_id, {"images": 500, "verdict": "mode-collapse"})
    assert not goes_on
    Workers(finals, 1).run()
    score_all(tmp_path, finals.state)
    ended = finals.state.trials[first.trial_id].ended
    assert ended is not None and (ended.state, ended.told) == ("collapsed", None)
    config_id = finals.state.trials[first.trial_id].created.config_id
    row = next(r for r in rank_configurations(finals.state) if r.config_id == config_id)
    assert (row.basis, row.n, row.failed, row.runs, row.sd) == ("final", 1, 1, 2, None)


def test_repetitions_of_one_configuration_are_one_finalist(tmp_path: Path) -> None:
    space = scripted_space(b"trial: {architecture: {choice: [alpha]}, lr: 0.001, width: 2}")
    raced(tmp_path, trials=4, space=space)
    state = finished(tmp_path)
    assert [trial.trial_id for trial in state.of_phase("final")] == ["t0000-s0", "t0000-s1"]
    seeds = [trial.created.seed for trial in state.trials.values()]
    assert len(set(seeds)) == 6


def test_a_race_without_a_number_has_no_finalists(tmp_path: Path) -> None:
    race = open_race(tmp_path, trials=2)
    while (one := race.next()) is not None:
        race.started(one.trial_id)
        race.report(one.trial_id, {"images": 500, "verdict": "explosion"})
    finals = open_finals(tmp_path, PLAN)
    assert finals.trials == 0 and finals.complete and finals.exhausted


def test_more_seeds_than_before_are_added(tmp_path: Path) -> None:
    raced(tmp_path)
    finished(tmp_path)
    state = finished(tmp_path, plan=FinalsPlan(RUNGS, seed=0, top=3, seeds=3))
    assert len(state.of_phase("final")) == 9
    fewer = open_finals(tmp_path, FinalsPlan(RUNGS, seed=0, top=1, seeds=1))
    assert fewer.trials == 9 and fewer.complete


class StageView(SilentView):
    """Remembers what it was told of stages."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def stage(self, name: str, done: int, total: int) -> None:
        self.told.append((name, done, total))


def test_progress_is_told_in_images_and_ends_once(tmp_path: Path) -> None:
    raced(tmp_path)
    view = StageView()
    finals = open_finals(tmp_path, PLAN, view)
    Workers(finals, 2).run()
    total = 6 * RUNGS[-1]
    done = [images for _, images, _ in view.told]
    assert {(name, of) for name, _, of in view.told} == {(STAGE, total)}
    assert done[0] == 0 and done == sorted(done) and done[-1] == total
    assert done[1] == RUNGS[0]
    assert total not in done[:-2], "over only when the last has ended"
    quiet = StageView()
    open_finals(tmp_path, PLAN, quiet)
    assert quiet.told == []


def score_all(folder: Path, state: RunState) -> None:
    """A fresh score for each that was trained to the end: its last one, and a bit."""
    journal = Journal(folder)
    for trial in state.of_phase("final"):
        if trial.state == "completed" and trial.last:
            score = trial.last.score + 0.25 * trial.created.member
            event = Rescored(
                at=0.0, trial_id=trial.trial_id, score=score, samples=500, first_latent=100
            )
            journal.append(event)
            state.apply(event)


def test_the_best_run_of_each_configuration_stays(tmp_path: Path) -> None:
    raced(tmp_path)
    state = finished(tmp_path)
    score_all(tmp_path, state)
    ranking = rank_configurations(state)
    assert best_finals(state) == {f"{one.trial_id}-s0" for one in race_order(state)[:3]}
    shown = shown_on_wall(state, 3)
    assert [(one.place, one.trial_id) for one in shown] == [
        (row.place, row.best_trial) for row in ranking[:3]
    ]
    assert [row.basis for row in ranking[:4]] == ["final"] * 3 + ["race"]


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ("finalists=3", 0),
        ("finalists={seeds: 5}", 15),
        ("finalists={top: 9, seeds: 5}", 20),
        ("finalists={top: 2, seeds: 1}", 2),
    ],
)
def test_planned_runs(tmp_path: Path, options: str, runs: int) -> None:
    """Four trials are four configurations at most."""
    assert planned_finals(load_search(str(write_space(tmp_path)), [f"search.{options}"])) == runs


def test_planned_runs_of_a_space_with_nothing_to_vary(tmp_path: Path) -> None:
    fixed = ["trial.architecture=penn-dcgan", "trial.loss=ns", "trial.generator.lr=0.001"]
    search = load_search(str(write_space(tmp_path)), [*fixed, "search.finalists.seeds=5"])
    assert planned_finals(search) == 5
