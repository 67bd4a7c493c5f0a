"""What a search has spent on which trials: images, time of the devices, and money if they have a
price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from animesearch.results.formats import clean, finite
from animesearch.results.readings import device_seconds
from animesearch.results.records import RunInfo
from animesearch.results.state import RunState, TrialRecord

FATES: Mapping[str, str] = {
    "completed": "ran to the end",
    "pruned": "stopped by the race",
    "collapsed": "collapsed",
    "failed": "failed",
    "open": "still training or waiting",
    "final": "trained again from new seeds",
}
KILLED = ("pruned", "collapsed", "failed")
HOUR = 3600.0


@dataclass(frozen=True)
class Spent:
    """One fate: how many trials, and what they took; ``seconds`` is None where none was told."""

    fate: str
    meaning: str
    trials: int
    images: int
    seconds: float | None
    cost: float | None


@dataclass(frozen=True)
class Spending:
    """All fates that occur, and what the search would have taken without stopping anything.

    ``killed`` is the share of the race's images that went into trials that did not finish;
    ``saved`` counts the images that they were not shown of their full budgets.
    """

    groups: list[Spent]
    total: Spent
    killed: float | None
    saved: int
    budget: int
    price: float | None
    currency: str


def spending(info: RunInfo, state: RunState) -> Spending:
    """What the run has spent so far."""
    hour = hourly_price(info)
    by_fate: dict[str, list[TrialRecord]] = {fate: [] for fate in FATES}
    for trial in state.trials.values():
        by_fate[_fate(trial)].append(trial)
    groups = [_spent(fate, trials, hour) for fate, trials in by_fate.items() if trials]
    ended = [trial for fate in (*KILLED, "completed") for trial in by_fate[fate]]
    full = max(info.rungs, default=0)
    shown = sum(trial.images for trial in ended)
    lost = sum(trial.images for fate in KILLED for trial in by_fate[fate])
    return Spending(
        groups=groups,
        total=_sum(groups),
        killed=lost / shown if shown else None,
        saved=sum(max(0, full - trial.images) for fate in KILLED for trial in by_fate[fate]),
        budget=full * len(ended),
        price=price(info),
        currency=clean(_resources(info).get("currency", ""))[:8],
    )


def _fate(trial: TrialRecord) -> str:
    if trial.phase == "final":
        return "final"
    return trial.state if trial.state in FATES else "open"


def _spent(fate: str, trials: Iterable[TrialRecord], hour: float | None) -> Spent:
    trials = list(trials)
    told = [seconds for trial in trials if (seconds := device_seconds(trial)) is not None]
    seconds = sum(told) if told else None
    cost = None if hour is None or seconds is None else hour * seconds / HOUR
    images = sum(trial.images for trial in trials)
    return Spent(fate, FATES[fate], len(trials), images, seconds, cost)


def _sum(groups: Iterable[Spent]) -> Spent:
    groups = list(groups)
    seconds = [group.seconds for group in groups if group.seconds is not None]
    costs = [group.cost for group in groups if group.cost is not None]
    return Spent(
        fate="total",
        meaning="all trials",
        trials=sum(group.trials for group in groups),
        images=sum(group.images for group in groups),
        seconds=sum(seconds) if seconds else None,
        cost=sum(costs) if costs else None,
    )


def price(info: RunInfo) -> float | None:
    """The price of an hour of one device, where the space gives one."""
    found = finite(_resources(info).get("price"))
    return found if found is not None and found >= 0 else None


def hourly_price(info: RunInfo) -> float | None:
    """The price of an hour of one trial: it may have a part of a GPU, or several."""
    devices = finite(_resources(info).get("gpu"))
    per_device = price(info)
    return None if per_device is None else per_device * (devices or 1.0)


def _resources(info: RunInfo) -> Mapping[str, Any]:
    search = info.space.get("search")
    found = search.get("resources") if isinstance(search, Mapping) else None
    return found if isinstance(found, Mapping) else {}
