"""What recorded curves say: tables of rungs, of replays and of seeds, as markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from animesearch.errors import UserError
from animesearch.tuning.schedulers import SCHEDULERS, SchedulerSpec

from .curves import Curve, Recording
from .replay import CURRENCIES, FINALISTS, Currency, Outcome, Plan, outcome, shuffled
from .statistics import kendall_tau, pooled_sd, recall, spread, tau_estimate

RANDOM: Final = "random search, full training"
SEARCHES: Final[Mapping[str, dict[str, object]]] = {
    RANDOM: {"name": "none", "first_rung": 0.25},  # read as often as the space's race
    "asha of the space: first_rung 1/4, eta 2": {"name": "asha", "first_rung": 0.25},
    "asha's defaults: first_rung 1/8, eta 2": {"name": "asha"},
    "asha, first_rung 1/8, eta 4": {"name": "asha", "eta": 4},
    "asha, first_rung 1/2, eta 2": {"name": "asha", "first_rung": 0.5},
    "hyperband's defaults": {"name": "hyperband"},
    "median's defaults": {"name": "median"},
}
POOLS: Final = 100
"""Resampled sets of configurations behind the interval of a difference."""


@dataclass(frozen=True)
class Table:
    """A markdown table under a heading."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"{self.heading}\n\n{body}\n"


def described(recording: Recording) -> str:
    """How many curves of what, and how far their final scores lie apart."""
    final = sorted(fresh for curve in recording.finished if (fresh := curve.fresh) is not None)
    ended = [f"{curve.name} {curve.reason}" for curve in recording.curves if curve.fresh is None]
    families = sorted({curve.family for curve in recording.curves})
    counts = (f"{sum(c.family == one for c in recording.curves)} {one}" for one in families)
    return (
        f"{len(recording.curves)} configurations ({', '.join(counts)}), {len(ended)} of them ended "
        f"early{': ' if ended else ''}{', '.join(ended)}; final {recording.metric} "
        f"{final[0]:.0f} to {final[-1]:.0f}, median {np.median(final):.0f}, interquartile range "
        f"{spread(final):.0f}, floor {recording.floor or float('nan'):.0f}"
    )


def rung_table(recording: Recording) -> Table:
    """Agreement of each rung's order with the final one, over the configurations that ended."""
    columns = (
        "rung",
        "τ of the best so far",
        "τ within an architecture",
        "τ of the rung's own score",
        "top 3 found again",
        "place of the final best",
    )
    rows = [_rung_row(recording, rung) for rung in recording.rungs]
    return Table("Each rung against the final order", columns, rows)


def _rung_row(recording: Recording, rung: int) -> list[str]:
    curves = recording.finished
    final = [curve.fresh or 0.0 for curve in curves]
    bests = [_score(curve, rung) for curve in curves]
    own = [reading.score for curve in curves if (reading := curve.at(rung)) is not None]
    winner = int(np.argmin(final))
    place = 1 + sum(score < bests[winner] for score in bests)
    return [
        f"{rung:,} images ({rung / recording.rungs[-1]:.3g} of the budget)",
        str(tau_estimate(bests, final)),
        str(tau_estimate(bests, final, [curve.family for curve in curves])),
        f"{kendall_tau(own, final):.2f}",
        f"{recall(bests, final, FINALISTS) * FINALISTS:.0f} of {FINALISTS}",
        f"{place} of {len(curves)}",
    ]


def _score(curve: Curve, rung: int) -> float:
    reading = curve.upto(rung)
    if reading is None:
        raise UserError(f"{curve.name} has no score up to {rung:,} images")
    return reading.score


@dataclass(frozen=True)
class Setting:
    """How replays are made: ``orders`` random ones from ``seed``, ``workers`` trials at a time."""

    orders: int = 500
    workers: int = 2
    seed: int = 0


def kill_table(recording: Recording, sizes: Sequence[int], setting: Setting) -> Table:
    """What stopping early loses and saves, against training the same configurations wholly."""
    columns = (
        "scheduler",
        "trials",
        "stops the eventual best",
        "best is chosen",
        f"regret, {recording.metric}",
        "regret, of the spread",
        "images",
        "device-seconds",
    )
    rows = []
    for size in sizes:
        orders = _orders(recording, setting, size)
        found = {
            name: outcome(_plan(recording, options, setting), orders, ())
            for name, options in SEARCHES.items()
        }
        rows += [
            [name, str(size), *_losses(one, found[RANDOM], recording)]
            for name, one in found.items()
        ]
    return Table("The same configurations, raced and trained wholly", columns, rows)


def _losses(one: Outcome, whole: Outcome, recording: Recording) -> list[str]:
    return [
        f"{one.stopped_best:.0%}",
        f"{one.found_best:.0%}",
        *_regret(one, recording),
        f"{one.images / whole.images:.0%}",
        f"{one.seconds / whole.seconds:.0%}",
    ]


def regret_table(recording: Recording, budgets: Sequence[int], setting: Setting) -> Table:
    """Regret at equal cost, against the best of all recorded configurations; the difference to
    random search with its interval over resampled configurations."""
    sides = [
        (f"begun at equal {name}", "regret", "of the spread", "less random search's")
        for name in ("images", "device-seconds")
    ]
    columns = ["scheduler", "budget, full trainings", *sides[0], *sides[1]]
    rows = []
    for budget in budgets:
        cells = [_at_equal_cost(recording, budget, one, setting) for one in CURRENCIES]
        rows += [[name, str(budget), *cells[0][name], *cells[1][name]] for name in SEARCHES]
    return Table("Regret at equal cost", columns, rows)


def _at_equal_cost(
    recording: Recording, budget: int, currency: Currency, setting: Setting
) -> dict[str, list[str]]:
    limit = budget * full_cost(recording, currency)
    plans = {
        name: _plan(recording, options, setting, limit, currency)
        for name, options in SEARCHES.items()
    }
    orders = _orders(recording, setting, None)
    found = {name: outcome(plan, orders, recording.curves) for name, plan in plans.items()}
    apart = _differences(recording.curves, plans, setting)
    return {
        name: [
            f"{one.configurations:.1f}",
            *_regret(one, recording),
            _less(one.regret - found[RANDOM].regret, apart[name]) if name != RANDOM else "",
        ]
        for name, one in found.items()
    }


def _differences(
    curves: Sequence[Curve], plans: Mapping[str, Plan], setting: Setting
) -> dict[str, list[float]]:
    """By search: its regret less random search's on each of :data:`POOLS` resampled sets of
    configurations, over a tenth of the orders each."""
    rng, apart = np.random.default_rng(setting.seed), {name: list[float]() for name in plans}
    for _ in range(POOLS):
        pool = [replace(curves[place]) for place in rng.integers(0, len(curves), len(curves))]
        orders = shuffled(pool, max(1, setting.orders // 10), rng)
        regrets = {name: outcome(plan, orders, pool).regret for name, plan in plans.items()}
        for name, regret in regrets.items():
            apart[name].append(regret - regrets[RANDOM])
    return apart


def _less(difference: float, resampled: Sequence[float]) -> str:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return f"{difference:+.0f} ({low:+.0f} to {high:+.0f})"


def full_cost(recording: Recording, currency: Currency) -> float:
    """What full training of one configuration costs, in the mean of those that ended."""
    if currency == "images":
        return float(recording.rungs[-1])
    curves = recording.finished
    read = [reading for curve in curves for reading in curve.readings]
    scored = sum(one.scoring for one in read if one.images in _plain(recording).rungs)
    return (sum(curve.readings[-1].training for curve in curves) + scored) / len(curves)


def _plain(recording: Recording) -> Plan:
    return _plan(recording, SEARCHES[RANDOM], Setting())


def _regret(one: Outcome, recording: Recording) -> list[str]:
    apart = spread([curve.fresh or 0.0 for curve in recording.finished])
    return [f"{one.regret:.0f}", f"{one.regret / apart:.2f}"]


def _orders(recording: Recording, setting: Setting, size: int | None) -> list[list[Curve]]:
    rng = np.random.default_rng(setting.seed)
    return shuffled(recording.curves, setting.orders, rng, size)


def _plan(
    recording: Recording,
    options: dict[str, object],
    setting: Setting,
    budget: float | None = None,
    currency: Currency = "images",
) -> Plan:
    """Raises :class:`UserError` where the scheduler looks where nothing was recorded."""
    scheduler: SchedulerSpec = SCHEDULERS.parse(dict(options))
    rungs = scheduler.rungs(recording.rungs[-1])
    missing = sorted(set(rungs) - set(recording.rungs))
    if missing:
        raise UserError(f"nothing was recorded at {missing}; recorded: {recording.rungs}")
    return Plan(scheduler, rungs, setting.workers, budget, currency)


def seed_table(recording: Recording, others: Mapping[str, Sequence[Curve]]) -> Table:
    """Runs of one configuration from several seeds against the noise of one score."""
    columns = (
        "configuration",
        "place",
        "best score by seed",
        "sd between seeds",
        "standard error of a score",
        "ratio",
        "sd at each rung",
    )
    order = sorted(recording.finished, key=lambda curve: curve.fresh or 0.0)
    rows, scores, errors = [], [], []
    for place, curve in enumerate(order, 1):
        runs = [curve, *(others.get(curve.name, ()))]
        if len(runs) > 1:
            rows.append(_seed_row(curve, place, runs, recording))
            scores.append(_bests(runs))
            errors.append(_errors(runs))
    if rows:
        noise = float(np.sqrt(np.mean(np.square(np.concatenate(errors)))))
        sd = pooled_sd(scores)
        cells = [f"{sd:.1f}", f"{noise:.1f}", f"{sd / noise:.1f}", ""]
        rows.append(["all together", "", "", *cells])
    return Table("Seeds", columns, rows)


def _bests(runs: Sequence[Curve]) -> list[float]:
    """On the race's samples, which are as many for every run; fresh scores are of more."""
    return [run.best.score for run in runs]


def _errors(runs: Sequence[Curve]) -> list[float]:
    """The standard errors that the journal has for them."""
    return [run.best.noise for run in runs]


def _seed_row(curve: Curve, place: int, runs: Sequence[Curve], recording: Recording) -> list[str]:
    scores = _bests(runs)
    sd, noise = pooled_sd([scores]), float(np.sqrt(np.mean(np.square(_errors(runs)))))
    rungs = (pooled_sd([[_score(run, rung) for run in runs]]) for rung in recording.rungs)
    return [
        f"{curve.name} ({curve.family})",
        str(place),
        ", ".join(f"{one:.0f}" for one in scores),
        f"{sd:.1f}",
        f"{noise:.1f}",
        f"{sd / noise:.1f}",
        ", ".join(f"{one:.0f}" for one in rungs),
    ]


def closer_than(recording: Recording, distance: float) -> float:
    """Share of all pairs of configurations whose final scores lie closer than ``distance``."""
    final = [curve.fresh or 0.0 for curve in recording.finished]
    pairs = [abs(one - other) < distance for one, other in combinations(final, 2)]
    return sum(pairs) / len(pairs)


def seed_sd(recording: Recording, others: Mapping[str, Sequence[Curve]]) -> float:
    """Standard deviation between runs of one configuration, of all configurations together."""
    return pooled_sd(
        [
            _bests([curve, *others[curve.name]])
            for curve in recording.finished
            if curve.name in others
        ]
    )


def pairs_within(recording: Recording, others: Mapping[str, Sequence[Curve]]) -> str:
    """How many pairs of configurations a difference between two runs of one would cover, and how
    much of what tells the configurations apart is their seeds."""
    sd = seed_sd(recording, others)
    reach = 1.96 * 2**0.5 * sd
    whole = pooled_sd([[curve.fresh or 0.0 for curve in recording.finished]])
    return (
        f"Two runs of one configuration differ by less than {reach:.0f} in 95 of 100 cases; "
        f"{closer_than(recording, reach):.0%} of all pairs of configurations do as well. The final "
        f"scores have a standard deviation of {whole:.0f} over the configurations: "
        f"{min(1.0, (sd / whole) ** 2):.0%} of their variance is that between seeds.\n"
    )
