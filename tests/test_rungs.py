"""Parts of ``benchmarks/rungs.py``: rank statistics, curves, replays, damage to images."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.records import (
    AttemptStarted,
    Event,
    Rescored,
    RungReported,
    TrialCreated,
    TrialEnded,
)
from animesearch.results.state import fold
from animesearch.tuning.schedulers import SCHEDULERS
from benchmarks.rungs_parts import analysis, statistics
from benchmarks.rungs_parts.curves import Curve, Reading, Recording, curve_of
from benchmarks.rungs_parts.degradations import LADDERS
from benchmarks.rungs_parts.replay import Plan, Replay, bias, outcome, shuffled, worth

RUNGS = (1000, 2000, 4000)


def curve(name: str, *scores: float, speed: float = 100.0, fresh: float | None = -1.0) -> Curve:
    """Read at the first rungs; final score: its best reading, unless given."""
    readings = tuple(
        Reading(rung, score, 0.0, rung / speed, 1.0)
        for rung, score in zip(RUNGS, scores, strict=False)
    )
    return Curve(name, "progan", readings, min(scores) if fresh == -1.0 else fresh)


def plan(name: str = "asha", **options: object) -> Plan:
    scheduler = SCHEDULERS.parse({"name": name, "first_rung": 0.25, **options})
    return Plan(scheduler, scheduler.rungs(RUNGS[-1]), workers=1)


def random_curves(count: int, seed: int) -> list[Curve]:
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        scores = np.sort(rng.uniform(10, 100, 3))[::-1]
        found.append(curve(f"t{number}", *map(float, scores), speed=float(rng.uniform(50, 400))))
    return found


@pytest.mark.parametrize("levels", [2, 4, 1000])
def test_kendall_tau_is_scipys_tau_b_with_and_without_ties(levels: int) -> None:
    rng = np.random.default_rng(levels)
    for _ in range(20):
        x_N, y_N = rng.integers(0, levels, (2, 15))
        expected = scipy.stats.kendalltau(x_N, y_N, variant="b").statistic
        assert statistics.kendall_tau(x_N, y_N) == pytest.approx(expected, nan_ok=True)


def test_kendall_tau_within_groups_counts_no_pair_across_them() -> None:
    early, final, groups = [1, 2, 11, 12], [12, 11, 2, 1], ["a", "a", "b", "b"]
    assert statistics.kendall_tau(early, final) == -1.0
    assert statistics.kendall_tau(early, final[::-1], groups) == 1.0
    assert statistics.kendall_tau([1, 2, 11, 12], [11, 12, 1, 2], groups) == 1.0
    assert math.isnan(statistics.kendall_tau([3, 3, 3], [1, 2, 3]))


def test_recall_counts_how_many_of_the_best_were_the_best_already() -> None:
    assert statistics.recall([1, 2, 3, 4], [1, 2, 3, 4], 2) == 1.0
    assert statistics.recall([1, 2, 3, 4], [1, 9, 9, 2], 2) == 0.5
    assert statistics.recall([5, 5, 5, 5], [4, 3, 2, 1], 2) == 0.0
    with pytest.raises(ValueError, match=r"in 1\.\.2"):
        statistics.recall([1, 2], [1, 2], 3)


def test_interval_over_configurations_is_reproducible_and_narrows_with_their_number() -> None:
    rng = np.random.default_rng(0)

    def of(count: int) -> statistics.Estimate:
        x_N = rng.normal(size=count)
        return statistics.tau_estimate(x_N, x_N + rng.normal(size=count))

    few, many = of(8), of(80)
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    x = [1.0, 2.0, 3.0, 5.0, 4.0]
    assert statistics.tau_estimate(x, x[::-1]) == statistics.tau_estimate(x, x[::-1])
    assert str(statistics.tau_estimate(x, x)) == "1.00 (1.00 to 1.00)"


def test_spreads() -> None:
    assert statistics.spread([1, 2, 3, 4, 1000]) == 2.0
    groups = [[1.0, 3.0], [10.0, 10.0, 13.0], [7.0]]
    assert statistics.pooled_sd(groups) == pytest.approx(((2 + 6) / 3) ** 0.5)
    assert math.isnan(statistics.pooled_sd([[1.0]]))


def test_full_training_spends_its_budget_on_so_many_configurations() -> None:
    curves = random_curves(6, seed=1)
    whole = replace(plan("none"), budget=3 * 4000.0)
    played = Replay(whole, curves).play()
    assert (played.images, list(played.reached)) == (12000, curves[:3])
    assert not played.stopped
    cost = sum(one.readings[-1].training + 3.0 for one in curves[:3])
    assert played.seconds == pytest.approx(cost)


def test_asha_stops_a_late_bloomer_and_the_regret_says_so() -> None:
    early, late = curve("early", 10, 9, 8), curve("late", 50, 5, 2)
    played = Replay(plan(), [early, late]).play()
    assert played.stopped == {late}
    assert played.images == 4000 + 1000
    found = outcome(plan(), [[early, late], [late, early]], ())
    assert found.stopped_best == 0.5
    assert found.regret == pytest.approx((8 - 2) / 2)
    assert outcome(plan(first_rung=0.5), [[early, late], [late, early]], ()).regret == 0.0


def test_the_clock_decides_who_arrives_first() -> None:
    slow, fast = curve("slow", 10, 9, 8, speed=10.0), curve("fast", 20, 19, 18, speed=100.0)
    one, two = plan(), replace(plan(), workers=2)
    assert Replay(one, [slow, fast]).play().stopped == {fast}
    assert Replay(two, [slow, fast]).play().stopped == set()


@pytest.mark.parametrize("name", ["none", "asha", "hyperband", "median"])
@pytest.mark.parametrize("currency", ["images", "seconds"])
def test_no_search_spends_more_than_its_budget(name: str, currency: str) -> None:
    curves = random_curves(12, seed=2)
    budget = {"images": 14000.0, "seconds": 200.0}[currency]
    limited = replace(plan(name), budget=budget, currency=currency, workers=2)  # type: ignore[arg-type]
    for order in shuffled(curves, 20, np.random.default_rng(0)):
        played = Replay(limited, order).play()
        assert 0.5 * budget < getattr(played, currency) <= budget
        assert played.finalists()


def test_a_running_trial_comes_before_a_new_one_where_the_budget_ends() -> None:
    good, other = curve("good", 10, 5, 2), curve("other", 11, 11, 11)
    limited = replace(plan("none"), workers=2, budget=5000.0)
    played = Replay(limited, [good, other]).play()
    assert (played.reached[good].score, played.images) == (2, 5000)
    assert played.reached[other].images == 1000


def test_what_collapsed_costs_and_is_never_chosen() -> None:
    broken, whole = curve("broken", 1, fresh=None), curve("whole", 30, 20, 10)
    played = Replay(plan("none"), [broken, whole]).play()
    assert played.finalists() == [whole]
    assert played.images == 2000 + 4000


def test_a_trial_stopped_before_its_best_is_worth_its_reading_less_the_bias() -> None:
    first, stopped = curve("first", 10, 9, 8, fresh=6.0), curve("stopped", 12, 5, 4, fresh=2.0)
    played = Replay(plan(), [first, stopped]).play()
    offset = bias([first, stopped])
    assert offset == 2.0
    assert worth(played, first, offset) == (6.0, True)
    assert worth(played, stopped, offset) == (10.0, False)


def test_rungs_that_were_not_recorded_are_refused() -> None:
    curves = tuple(random_curves(4, seed=3))
    recording = Recording(RUNGS, curves, "fd-lite0", 1000, 100.0, 32)
    with pytest.raises(UserError, match=r"nothing was recorded at \[500\]"):
        analysis.regret_table(recording, [2], analysis.Setting(2))


def test_tables_of_known_curves() -> None:
    """The order at the first rung is the final one's reverse, later ones are the final one."""
    curves = [curve(f"t{n}", 50 - n, 20 + n, 10 + n) for n in range(8)]
    recording = Recording(RUNGS, tuple(curves), "fd-lite0", 1000, 5.0, 32)
    first, second, _ = analysis.rung_table(recording).rows
    assert [first[1].split()[0], second[1].split()[0]] == ["-1.00", "1.00"]
    assert [first[4], second[4], first[5]] == ["0 of 3", "3 of 3", "8 of 8"]
    assert analysis.closer_than(recording, 1.5) == pytest.approx(7 / 28)
    assert analysis.full_cost(recording, "images") == 4000


def test_seeds_stand_beside_the_noise_of_a_score() -> None:
    runs = [curve("a", 30, 20, score) for score in (10, 12, 14)]
    noisy = [
        replace(run, readings=tuple(replace(r, noise=0.5) for r in run.readings)) for run in runs
    ]
    recording = Recording(RUNGS, (noisy[0], curve("b", 9, 9, 9)), "fd-lite0", 1000, 5.0, 32)
    rows = analysis.seed_table(recording, {"a": noisy[1:]}).rows
    assert [row[3:6] for row in rows] == [["2.0", "0.5", "4.0"]] * 2
    assert analysis.seed_sd(recording, {"a": noisy[1:]}) == pytest.approx(2.0)


def test_a_curve_separates_the_seconds_of_training_from_those_of_scores(tmp_path: Path) -> None:
    created = TrialCreated(
        at=0, trial_id="t0000", number=0, config_id="c", seed=1, group="progan", params={},
        config={},
    )  # fmt: skip
    events: list[Event] = [created, AttemptStarted(at=0, trial_id="t0000", attempt=1)]
    for rung, (seconds, score) in enumerate([(12.0, 50.0), (25.0, 30.0), (50.0, 40.0)]):
        metrics = {"device_seconds": seconds, "metric_seconds": 2.0, "noise": 1.5}
        events.append(
            RungReported(at=0, trial_id="t0000", attempt=1, rung=rung, images=RUNGS[rung] + 7,
                         score=score, metrics=metrics)
        )  # fmt: skip
    events.append(TrialEnded(at=0, trial_id="t0000", state="completed"))
    events.append(Rescored(at=0, trial_id="t0000", score=28.0, samples=4, first_latent=9, noise=1))
    (trial,) = fold(events).trials.values()
    found = curve_of(RunFolder(tmp_path / "race-3"), trial, RUNGS)
    assert [(one.training, one.scoring) for one in found.readings] == [(10, 2), (21, 2), (44, 2)]
    assert (found.name, found.best.images, found.fresh) == ("3-t0000", 2000, 28.0)
    assert [reading.score for rung in (999, 1000, 4000) if (reading := found.upto(rung))] == [
        50.0,
        30.0,
    ]


@pytest.mark.parametrize("kind", LADDERS)
def test_damage_grows_from_step_to_step(kind: str) -> None:
    walks_NCHW = np.random.default_rng(0).normal(size=(600, 3, 32, 32)).cumsum(2).cumsum(3)
    x_NCHW = np.clip(128 + 4 * walks_NCHW, 0, 255).astype(np.uint8)
    ladder, changes = LADDERS[kind], []
    for strength in ladder.strengths:
        damaged_NCHW = ladder.damage(x_NCHW, strength, np.random.default_rng(0))
        assert (damaged_NCHW.shape, damaged_NCHW.dtype) == (x_NCHW.shape, np.uint8)
        distinct = len(np.unique(damaged_NCHW.reshape(len(x_NCHW), -1), axis=0))
        off = float(np.square(damaged_NCHW.astype(float) - x_NCHW).mean())
        changes.append(-distinct if kind == "dropped modes" else off)
    assert changes == sorted(changes)
    assert len(set(changes)) == len(changes)
