"""Decisions from standings are those of the rules read literally, on every arrival, in no more
work for the last trial than for the first."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from animesearch.results.journal import read_journal
from animesearch.results.plain import PlainView
from animesearch.results.progress import Plan
from animesearch.results.state import fold
from animesearch.tuning.race import Race, replay
from animesearch.tuning.samplers import RandomSearch
from animesearch.tuning.schedulers import SCHEDULERS, Arrival, Decision, SchedulerSpec
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.schedulers.base import GeometricRungs
from animesearch.tuning.schedulers.halving import Halving
from animesearch.tuning.schedulers.hyperband import Hyperband
from animesearch.tuning.schedulers.median import MedianRule
from animesearch.tuning.schedulers.none import NoScheduler
from tests.tuning.counting import operations
from tests.tuning.scripted import NOISE, RUNGS, open_race

JOURNAL = [spec for spec in SCHEDULERS if spec.engine == "journal"]
GROUPS: dict[str, Callable[[Arrival], str]] = {
    "none": lambda arrival: "",
    "architecture": lambda arrival: arrival.family,
    "trial": lambda arrival: arrival.option,
}


# -- the rules, each a function of everything that has arrived -----------------------------------


def halved(rule: Halving, here: Sequence[Arrival]) -> bool:
    """Whether the last of the arrivals at one rung and group goes on."""
    spared, proceeds = 0, True
    for count in range(1, len(here) + 1):
        arrival, scores = here[count - 1], sorted(a.score for a in here[:count])
        kept = math.ceil(count / rule.eta)
        place = 1 + sum(score < arrival.score for score in scores)
        reach = rule.doubt * arrival.noise
        proceeds = place <= kept
        if not proceeds and reach > 0 and arrival.score - reach <= scores[kept - 1]:
            proceeds = spared < math.floor(rule.spare * count)
            spared += proceeds
    return proceeds


def literally(rule: SchedulerSpec, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> bool:
    """What the rule says of the last arrival, worked out from all of them."""
    current = arrivals[-1]
    here = [a for a in arrivals if a.rung == current.rung]
    if isinstance(rule, NoScheduler) or current.rung == rungs[-1]:
        return True
    if isinstance(rule, Asha):
        group, graced = GROUPS[rule.group_by], in_grace(rule, rungs)
        mine = [a for a in here if group(a) == group(current)]
        doubted = [replace(a, noise=0.0) if graced(a) else a for a in mine]
        return graced(current) or halved(rule, doubted)
    if isinstance(rule, Hyperband):
        brackets = min(rule.brackets, len(rungs))
        mine = [a for a in here if a.number % brackets == current.number % brackets]
        return current.rung < rungs[current.number % brackets] or halved(rule, mine)
    assert isinstance(rule, MedianRule)
    others = [a.score for a in here[:-1]]
    return len(others) < rule.min_trials or current.score <= median(others)


def in_grace(rule: Asha, rungs: Sequence[int]) -> Callable[[Arrival], bool]:
    """Who is not stopped at its rung in any case, and so is not spared either."""

    def graced(arrival: Arrival) -> bool:
        grace = rule.grace.get(arrival.family, 0.0)
        return arrival.rung < (grace * rungs[-1] if grace <= 1 else grace)

    return graced


RULES: list[GeometricRungs] = [
    Asha(),
    Asha(eta=3, doubt=3, spare=0.5, group_by="architecture", grace={"a": 5000}),
    Asha(group_by="trial", grace={"b": 0.5}, spare=1),
    Hyperband(spare=0.5),
    Hyperband(brackets=8, eta=4),
    MedianRule(),
    MedianRule(min_trials=1),
    NoScheduler(),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), trials=st.integers(1, 40))
def test_every_decision_is_the_rules(rule: GeometricRungs, seed: int, trials: int) -> None:
    arrivals = journal_of(random.Random(seed), trials)
    standings = rule.standings(RUNGS)
    for count in range(1, len(arrivals) + 1):
        decision = standings.arrive(arrivals[count - 1])
        assert decision.proceed is literally(rule, arrivals[:count], RUNGS), arrivals[:count]
    assert arrivals == [] or rule.decide(arrivals, RUNGS) == decision


def journal_of(draw: random.Random, trials: int) -> list[Arrival]:
    """Trials that come in turns, some of them with equal scores or without noise."""
    at = [0] * trials
    arrivals = []
    while open_ones := [number for number in range(trials) if at[number] < len(RUNGS)]:
        number = draw.choice(open_ones[:6])
        score = draw.choice([draw.uniform(0, 100), float(draw.randrange(5))])
        noise = draw.choice([0.0, draw.uniform(0, 40)])
        family, option = draw.choice("ab"), draw.choice("xyz")
        arrivals.append(
            Arrival(f"t{number}", number, family, RUNGS[at[number]], score, option, noise)
        )
        at[number] = len(RUNGS) if draw.random() < 0.5 else at[number] + 1
    return arrivals


class Whole(GeometricRungs):
    """A plug-in's scheduler, which knows no standings."""

    name: str = "whole"

    def decide(self, arrivals: Sequence[Arrival], rungs: Sequence[int]) -> Decision:
        """As many as an odd number have arrived."""
        return Decision(len(arrivals) % 2 == 1, f"{len(arrivals)} have arrived")


def test_a_scheduler_without_standings_is_given_every_arrival() -> None:
    standings = Whole().standings(RUNGS)
    arrivals = journal_of(random.Random(0), 3)
    assert [standings.arrive(one).why for one in arrivals[:3]] == [
        f"{count} have arrived" for count in (1, 2, 3)
    ]


# -- the work of one trial does not grow with the search -------------------------------------------


def crowded(folder: Path, scheduler: SchedulerSpec, trials: int) -> Race:
    """A race of so many trials, all of which but the last have ended, under the plain view."""
    race = open_race(folder, trials, scheduler, RandomSearch())
    plan = Plan("many", "fid", trials, RUNGS[-1], RUNGS)
    race._view = PlainView(Console(file=(folder / "view.txt").open("w")), plan)
    race._view.event(read_journal(folder)[0], race.state)
    draw = random.Random(1)
    for _ in range(trials - 1):
        one_trial(race, draw.uniform(0, 1000))
    return race


def one_trial(race: Race, score: float) -> None:
    """From its creation to its end."""
    assert not race.exhausted and race.running == 0 and not race.complete
    assignment = race.next()
    assert assignment is not None
    race.started(assignment.trial_id)
    for rung in range(len(RUNGS)):
        told = {"rung": rung, "images": RUNGS[rung], "score": score, "noise": NOISE}
        if not race.report(assignment.trial_id, told):
            break
    race.ended(assignment.trial_id)


@pytest.mark.parametrize("scheduler", JOURNAL)
def test_the_last_of_many_trials_costs_what_the_last_of_a_few_does(
    tmp_path: Path, scheduler: type[SchedulerSpec]
) -> None:
    few = crowded(tmp_path / "few", scheduler(), 30)
    many = crowded(tmp_path / "many", scheduler(), 150)
    worst = 2000.0  # stopped wherever anybody is
    few_work = operations(lambda: one_trial(few, worst))
    assert operations(lambda: one_trial(many, worst)) < 1.2 * few_work


def test_a_replay_of_many_trials_looks_at_each_report_once(tmp_path: Path) -> None:
    states = []
    for trials in (30, 150):
        folder = tmp_path / str(trials)
        crowded(folder, Asha(), trials)
        states.append(fold(read_journal(folder)))
    few, many = (
        operations(lambda state=state: replay(Asha(), state, RUNGS)) / len(state.reports)
        for state in states
    )
    assert many < 1.2 * few
