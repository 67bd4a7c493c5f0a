"""The order of configurations: means over their runs, with the spread and what it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, TypeAlias

from animesearch.results.intervals import (
    Interval,
    interval_of_noise,
    interval_of_runs,
    mean_and_sd,
    overlapping,
)
from animesearch.results.readings import (
    LOST,
    NUMBERLESS,
    fresh_score,
    noise_of,
    numberless_state,
    race_score,
    why_ended,
)
from animesearch.results.records import Scalar, TrialState
from animesearch.results.state import RunState, TrialRecord

Basis: TypeAlias = Literal["final", "fresh", "race"]
"""``final``: runs from new seeds, each scored on fresh samples.  ``fresh``: runs of the race,
scored on fresh samples.  ``race``: the best scores of runs of the race."""
BASES: tuple[Basis, ...] = ("final", "fresh", "race")
Score: TypeAlias = Callable[[TrialRecord], float | None]


@dataclass(frozen=True)
class RankedConfiguration:
    """One configuration of one run in a ranking.

    ``score`` is the mean of ``n`` runs, lower is better, ``sd`` their sample standard deviation
    (divisor n - 1), and ``basis`` says which runs; ``samples`` are the fakes of each fresh score,
    ``floor`` is what a perfect generator would get at as many (None for scores of the race, whose
    floor is the run's).
    ``low`` and ``high`` are the ends of a 95 % interval: Student's of the mean where n >= 2
    (``interval`` "seeds"), else that of the one score's own noise ("noise"), which knows nothing of
    the spread between seeds.  ``first_place`` and ``last_place`` are the best and the worst place
    whose interval overlaps with this one: a tie where they differ from ``place``; None without an
    interval.  Places of different bases, or of other numbers of samples, never tie.

    ``failed`` of ``runs`` ended runs collapsed or failed; where the configuration was trained again
    only those runs count, since one of the race was chosen for not failing.  The other fields are
    those of ``best_trial``, the run with the lowest score.
    """

    place: int | None
    run: str
    config_id: str
    basis: Basis | None
    score: float | None
    sd: float | None
    n: int
    samples: int | None
    floor: float | None
    low: float | None
    high: float | None
    interval: Literal["seeds", "noise"] | None
    first_place: int | None
    last_place: int | None
    failed: int
    runs: int
    best_trial: str
    number: int
    state: TrialState
    reason: str
    images: int
    trials: tuple[str, ...]
    seeds: tuple[int, ...]
    params: dict[str, Scalar]
    config: dict[str, Any]

    @property
    def tied(self) -> bool:
        """Whether its interval overlaps with that of another place."""
        return self.place is not None and (self.first_place, self.last_place) not in (
            (None, None),
            (self.place, self.place),
        )


@dataclass(frozen=True)
class _Counted:
    """The runs that a mean is over, and the score that it takes of each."""

    basis: Basis
    trials: Sequence[TrialRecord]
    score: Score


def rank_configurations(state: RunState) -> list[RankedConfiguration]:
    """The configurations of one run from the best to those without a number."""
    return rank_together({"": state})


def rank_together(states: Mapping[str, RunState]) -> list[RankedConfiguration]:
    """The configurations of runs of one protocol, by the runs' names; never merged across runs,
    whose data, budgets and machines may differ.

    First those trained again from new seeds, then those whose runs were scored on fresh samples,
    then the rest by race scores; within each by the mean.  Equal means stand in the order of
    creation, on different places.
    """
    rows = [
        _standing(run, trials)
        for run, state in states.items()
        for trials in _by_configuration(state.trials.values())
    ]
    rows.sort(key=_order)
    ranked: list[RankedConfiguration] = []
    for _, block in groupby(rows, key=_block):
        ranked += _placed(list(block), len(ranked) + 1)
    return ranked


def race_order(state: RunState) -> list[TrialRecord]:
    """The best trial of each configuration in the order of the race alone: by the mean of what its
    runs reached there, whatever was scored since.  Only trials that ended with a number."""
    found = []
    for trials in _by_configuration(state.of_phase("race")):
        counted = _race_runs([trial for trial in trials if trial.done])
        if counted is not None:
            mean, _ = mean_and_sd(_values(counted))
            best = _best(counted)
            found.append((mean, best.created.number, best))
    return [best for _, _, best in sorted(found, key=lambda item: item[:2])]


def _by_configuration(trials: Iterable[TrialRecord]) -> list[list[TrialRecord]]:
    groups: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        groups.setdefault(trial.created.config_id, []).append(trial)
    return list(groups.values())


# -- one configuration -----------------------------------------------------------------------------


def _standing(run: str, trials: Sequence[TrialRecord]) -> RankedConfiguration:
    """Everything but its place."""
    finals = [trial for trial in trials if trial.phase == "final"]
    lost = bool(finals) and all(trial.state in LOST for trial in finals)
    counted = None if lost else _counted(trials, finals)
    judged = finals if lost or (counted and counted.basis == "final") else _of_race(trials)
    ended = [trial for trial in judged if trial.done]
    best = _best(counted) if counted else min(judged, key=_least_bad)
    return RankedConfiguration(
        place=None,
        run=run,
        config_id=best.created.config_id,
        **_numbers(counted),
        first_place=None,
        last_place=None,
        failed=sum(trial.state in LOST for trial in ended),
        runs=len(ended),
        best_trial=best.trial_id,
        number=best.created.number,
        state=best.state if counted else numberless_state(best),
        reason=why_ended(best),
        images=best.images,
        trials=tuple(trial.trial_id for trial in trials),
        seeds=tuple(dict.fromkeys(trial.created.seed for trial in trials)),
        params=dict(best.created.params),
        config=dict(best.created.config),
    )


def _of_race(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.phase == "race"]


def _least_bad(trial: TrialRecord) -> tuple[int, int]:
    return NUMBERLESS.index(numberless_state(trial)), trial.created.number


def _counted(trials: Sequence[TrialRecord], finals: Sequence[TrialRecord]) -> _Counted | None:
    """The most trustworthy scores that there are."""
    again = _alike([trial for trial in finals if fresh_score(trial) is not None])
    if again:
        return _Counted("final", again, fresh_score)
    counted = _race_runs(_of_race(trials))
    if counted is None or any(fresh_score(trial) is None for trial in counted.trials):
        return counted  # of several seeds the best alone were scored again: their mean is luck
    alike = _alike(counted.trials)
    return _Counted("fresh", alike, fresh_score) if len(alike) == len(counted.trials) else counted


def _race_runs(trials: Iterable[TrialRecord]) -> _Counted | None:
    """The runs that came furthest: one that was stopped at an early rung measures another thing."""
    scored = [trial for trial in trials if race_score(trial) is not None]
    if not scored:
        return None
    furthest = max(map(_last_rung, scored))
    return _Counted("race", [t for t in scored if _last_rung(t) == furthest], race_score)


def _last_rung(trial: TrialRecord) -> int:
    return max(trial.rungs)


def _alike(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Those scored on the most samples: small counts bias a distance upward."""
    most = max(map(_samples, trials), default=0)
    return [trial for trial in trials if _samples(trial) == most]


def _samples(trial: TrialRecord) -> int:
    return trial.rescored.samples if trial.rescored else 0


def _values(counted: _Counted) -> list[float]:
    scores = map(counted.score, counted.trials)
    return [score for score in scores if score is not None]


def _best(counted: _Counted) -> TrialRecord:
    """The run with the lowest score; the first created of equal ones."""
    pairs = zip(_values(counted), counted.trials, strict=True)
    return min(pairs, key=lambda pair: (pair[0], pair[1].created.number))[1]


def _numbers(counted: _Counted | None) -> dict[str, Any]:
    """Mean, spread and interval, by the names of the fields; all None without a number."""
    if counted is None:
        names = ("basis", "score", "sd", "samples", "floor", "low", "high", "interval")
        return {**dict.fromkeys(names), "n": 0}
    values = _values(counted)
    mean, sd = mean_and_sd(values)
    known = _interval(counted, mean, sd)
    fresh = None if counted.basis == "race" else counted.trials[0].rescored
    return {
        "basis": counted.basis,
        "score": mean,
        "sd": sd,
        "n": len(values),
        "samples": None if fresh is None else fresh.samples,
        "floor": None if fresh is None else fresh.floor,
        "low": known.low if known else None,
        "high": known.high if known else None,
        "interval": None if known is None else "noise" if sd is None else "seeds",
    }


def _interval(counted: _Counted, mean: float, sd: float | None) -> Interval | None:
    if sd is not None:
        return interval_of_runs(mean, sd, len(counted.trials))
    noise = noise_of(counted.trials[0])
    return None if noise is None or noise < 0 else interval_of_noise(mean, noise)


# -- all of them -----------------------------------------------------------------------------------


def _order(row: RankedConfiguration) -> tuple[int, int, float, int]:
    """Numbers of another basis or of fewer samples stand apart: they are not the same measure."""
    if row.basis is None or row.score is None:
        return (len(BASES) + NUMBERLESS.index(row.state), 0, 0.0, row.number)
    return (BASES.index(row.basis), -(row.samples or 0), row.score, row.number)


def _block(row: RankedConfiguration) -> tuple[Basis | None, int | None]:
    return row.basis, row.samples


def _placed(rows: list[RankedConfiguration], first: int) -> list[RankedConfiguration]:
    """The rows of one basis, best first, with their places from ``first`` on and those that their
    intervals leave open; without a number they have none."""
    if rows[0].score is None:
        return rows
    intervals = [
        None if row.low is None or row.high is None else Interval(row.low, row.high) for row in rows
    ]
    reaches = [reach or (None, None) for reach in overlapping(intervals)]
    return [
        replace(
            row,
            place=place,
            first_place=None if low is None else first + low,
            last_place=None if high is None else first + high,
        )
        for place, (row, (low, high)) in enumerate(zip(rows, reaches, strict=True), start=first)
    ]
