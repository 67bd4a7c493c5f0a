"""Schedulers as pure functions of the scores that have arrived."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.errors import UserError
from animesearch.tuning.schedulers import SCHEDULERS, Arrival, SchedulerSpec
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.schedulers.base import geometric_rungs
from animesearch.tuning.schedulers.hyperband import Hyperband
from animesearch.tuning.schedulers.median import MedianRule
from animesearch.tuning.schedulers.pbt import Pbt

RUNGS = (4000, 8000, 16000)
JOURNAL = [spec for spec in SCHEDULERS if spec.engine == "journal"]


def at(rung: int, *scores: float, family: str = "a") -> list[Arrival]:
    return [Arrival(f"t{i}", i, family, rung, score) for i, score in enumerate(scores)]


@pytest.mark.parametrize("spec", SCHEDULERS)
@pytest.mark.parametrize("images", [1, 7, 1000, 32000, 10_000_000])
def test_rungs_ascend_to_the_full_budget(spec: type[SchedulerSpec], images: int) -> None:
    rungs = spec().rungs(images)
    assert rungs[-1] == images
    assert all(a < b for a, b in pairwise(rungs))
    assert rungs[0] >= 1


@pytest.mark.parametrize("spec", JOURNAL)
def test_first_arrival_and_last_rung_go_on(spec: type[SchedulerSpec]) -> None:
    assert spec().decide(at(4000, 9.0), RUNGS).proceed
    assert spec().decide(at(16000, 1.0, 2.0, 3.0, 99.0), RUNGS).proceed


@pytest.mark.parametrize("spec", JOURNAL)
@given(scores=st.lists(st.floats(0, 1e6), min_size=1, max_size=12), data=st.data())
def test_a_better_score_never_fares_worse(
    spec: type[SchedulerSpec], scores: list[float], data: st.DataObject
) -> None:
    better = data.draw(st.floats(0, max(scores[-1], 1e-9)))
    if spec().decide(at(4000, *scores), RUNGS).proceed:
        improved = at(4000, *scores[:-1], min(better, scores[-1]))
        assert spec().decide(improved, RUNGS).proceed


@pytest.mark.parametrize("spec", JOURNAL)
@given(scores=st.lists(st.floats(0, 1e6), min_size=1, max_size=12), factor=st.floats(0.1, 100))
def test_only_the_order_of_scores_matters(
    spec: type[SchedulerSpec], scores: list[float], factor: float
) -> None:
    scaled = [s * 2.0 ** round(factor) for s in scores]
    one, two = spec().decide(at(4000, *scores), RUNGS), spec().decide(at(4000, *scaled), RUNGS)
    assert one.proceed == two.proceed


def test_geometric_rungs() -> None:
    assert geometric_rungs(4000, 2, 32000) == (4000, 8000, 16000, 32000)
    assert geometric_rungs(4000, 3, 32000) == (4000, 12000, 32000)
    assert geometric_rungs(4000, 2, 33000) == (4000, 8000, 16000, 33000)
    assert geometric_rungs(4000, 2, 4000) == (4000,)


def test_first_rung_is_images_or_a_share() -> None:
    assert Asha(first_rung=0.25).rungs(32000) == (8000, 16000, 32000)
    assert Asha(first_rung=8000).rungs(32000) == (8000, 16000, 32000)
    with pytest.raises(UserError, match=r"64,000.*32,000"):
        Asha(first_rung=64000).rungs(32000)


def test_asha_keeps_the_best_half_rounded_up() -> None:
    asha = Asha(eta=2)
    assert not asha.decide(at(4000, 1.0, 2.0), RUNGS).proceed
    assert asha.decide(at(4000, 2.0, 1.0), RUNGS).proceed
    assert asha.decide(at(4000, 1.0, 3.0, 2.0), RUNGS).proceed
    decision = asha.decide(at(4000, 1.0, 2.0, 3.0), RUNGS)
    assert not decision.proceed
    assert decision.why == "3 of 3 at this rung, the best 2 go on"


def test_asha_ties_go_on() -> None:
    assert Asha().decide(at(4000, 2.0, 2.0, 2.0, 2.0), RUNGS).proceed


def test_asha_grace_and_groups() -> None:
    worst = [*at(4000, 1.0, 2.0, 3.0), Arrival("t9", 9, "slow", 4000, 99.0)]
    assert not Asha().decide(worst, RUNGS).proceed
    assert Asha(grace={"slow": 8000}).decide(worst, RUNGS).proceed
    assert Asha(grace={"slow": 0.5}).decide(worst, RUNGS).proceed
    assert not Asha(grace={"slow": 4000}).decide(worst, RUNGS).proceed
    assert Asha(group_by="architecture").decide(worst, RUNGS).proceed


def test_hyperband_brackets_protect_slow_starters() -> None:
    bands = Hyperband(brackets=3)
    late = Arrival("x", 5, "a", 4000, 99.0)  # 5 % 3 = bracket 2
    early = Arrival("y", 6, "a", 4000, 99.0)  # bracket 0, rivals 0 and 3
    assert bands.decide([*at(4000, 1.0, 1.0, 1.0, 1.0), late], RUNGS).proceed
    assert not bands.decide([*at(4000, 1.0, 1.0, 1.0, 1.0), early], RUNGS).proceed


def test_median_rule() -> None:
    rule = MedianRule(min_trials=3)
    assert rule.decide(at(4000, 1.0, 2.0, 99.0), RUNGS).proceed
    assert rule.decide(at(4000, 1.0, 2.0, 3.0, 2.0), RUNGS).proceed
    assert not rule.decide(at(4000, 1.0, 2.0, 3.0, 2.1), RUNGS).proceed


def test_pbt_rungs_are_even_and_decisions_are_tunes() -> None:
    assert Pbt(interval=0.25).rungs(32000) == (8000, 16000, 24000, 32000)
    with pytest.raises(UserError, match=r"interval \(64,000.*32,000"):
        Pbt(interval=64000).rungs(32000)
    with pytest.raises(TypeError, match="leaves its decisions to Ray Tune"):
        Pbt().decide(at(4000, 1.0), RUNGS)
