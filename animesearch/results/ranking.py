"""The order of a run's trials, and that order as JSON: pure functions of the journal's state."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from animesearch import __version__
from animesearch.files import content_id
from animesearch.results.configurations import RankedConfiguration, rank_configurations
from animesearch.results.readings import (
    NUMBERLESS,
    device_seconds,
    noise_of,
    numberless_state,
    numbers,
    ranking_score,
    stop_code,
    survived,
    why_ended,
)
from animesearch.results.records import RunInfo, Scalar, TrialState
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.tally import Stops

__all__ = [
    "FINAL_NOTE",
    "NOISE_NOTE",
    "NUMBERLESS",
    "RACE_NOTE",
    "SEED_NOTE",
    "Ranked",
    "Run",
    "cautions",
    "finite_only",
    "metric_share",
    "notes",
    "protocol_id",
    "pruned_at",
    "rank",
    "ranking_json",
    "ranking_score",
    "stop_code",
    "stops",
    "survived",
    "why_ended",
]

Run: TypeAlias = tuple[RunInfo, RunState]

SEED_NOTE = (
    "One seed per configuration says little: the spread between seeds is larger than the "
    "differences of close ranks. Train the best again from several seeds before choosing "
    "(search.finalists.seeds)."
)
RACE_NOTE = (
    "Race scores are the best of several readings, which favours trials that were read often; "
    "trials scored again on fresh samples stand first, by that score."
)
FINAL_NOTE = (
    "Means over new seeds leave out the run of the race: it was chosen for its luck as well."
)
NOISE_NOTE = (
    "The interval of a single run holds the noise of its samples only; the spread between seeds "
    "is larger, so that runs which it tells apart may still be ties."
)


@dataclass(frozen=True)
class Ranked:
    """One trial in a ranking.

    ``score`` is the number that it is ranked by, lower is better: its score on fresh samples
    (``fresh``), else its best race score.  Trials without a number (collapsed, failed, not
    scored yet) have neither ``score`` nor ``place``; a collapsed trial shows no number at all,
    because a distance to a collapsed generator misleads.  ``rungs_survived`` counts the rungs
    that it passed, ``images`` real images shown to D, ``device_seconds`` the time of its device,
    ``noise`` the standard error of the score where it was estimated, ``memorisation`` how much
    nearer its samples are to training images than to held-out ones, in units of the metric.
    """

    place: int | None
    trial_id: str
    number: int
    config_id: str
    seed: int
    phase: str
    state: TrialState
    reason: str
    score: float | None
    fresh: bool
    race_best: float | None
    last_score: float | None
    images: int
    rungs_survived: int
    device_seconds: float | None
    noise: float | None
    memorisation: float | None
    params: dict[str, Scalar]
    config: dict[str, Any]


def rank(state: RunState) -> list[Ranked]:
    """The trials from the best to those without a number.

    First the trials that were scored again, by that fresh score: the best of many noisy readings
    is biased towards trials that were read often.  Then those with race scores, by the best one.
    Equal scores stand in the order of creation, on different places.
    """
    trials = sorted(state.trials.values(), key=_order)
    return [_ranked(trial, place) for place, trial in enumerate(trials, start=1)]


def _order(trial: TrialRecord) -> tuple[int, float, int]:
    score = ranking_score(trial)
    if score is None:
        return (2 + NUMBERLESS.index(numberless_state(trial)), 0.0, trial.created.number)
    return (0 if trial.rescored else 1, score, trial.created.number)


def _ranked(trial: TrialRecord, place: int) -> Ranked:
    created, score = trial.created, ranking_score(trial)
    shown = trial.state != "collapsed"
    return Ranked(
        place=place if score is not None else None,
        trial_id=created.trial_id,
        number=created.number,
        config_id=created.config_id,
        seed=created.seed,
        phase=created.phase,
        state=trial.state,
        reason=why_ended(trial),
        score=score,
        fresh=score is not None and trial.rescored is not None,
        race_best=trial.best.score if shown and trial.best else None,
        last_score=trial.last.score if shown and trial.last else None,
        images=trial.images,
        rungs_survived=survived(trial),
        device_seconds=device_seconds(trial),
        noise=noise_of(trial) if shown else None,
        memorisation=trial.rescored.memorisation if shown and trial.rescored else None,
        params=dict(created.params),
        config=dict(created.config),
    )


def stops(state: RunState) -> dict[str, int]:
    """How many trials were stopped, by :func:`stop_code`, the most frequent first."""
    return Stops(state).codes


def pruned_at(state: RunState) -> dict[int, int]:
    """How many trials the race stopped, by the images of the rung, ascending."""
    return Stops(state).pruned_at


def metric_share(state: RunState) -> float | None:
    """Share of the trials' device time that went into metrics, 0 to 1.

    ``metric_seconds`` is how long one report's score held its trial up, ``device_seconds`` all the
    trial's time up to a report, that in it; ``None`` where no trial carries both.
    """
    pairs = [
        (numbers(trial, "metric_seconds"), device_seconds(trial)) for trial in state.trials.values()
    ]
    known = [(sum(parts), whole) for parts, whole in pairs if parts and whole]
    total = sum(whole for _, whole in known)
    return min(1.0, sum(part for part, _ in known) / total) if total > 0 else None


def notes(info: RunInfo, state: RunState) -> list[str]:
    """What a reader must know beside the numbers."""
    return [*info.notes, *cautions([state], rank_configurations(state))]


def cautions(states: Iterable[RunState], ranking: Iterable[RankedConfiguration]) -> list[str]:
    """What must be known of any such numbers, whatever the run."""
    if not any(state.reports for state in states):
        return []
    ranking = list(ranking)
    said = {
        RACE_NOTE: any(ranked.basis != "final" for ranked in ranking),
        FINAL_NOTE: any(ranked.basis == "final" for ranked in ranking),
        NOISE_NOTE: any(ranked.interval == "noise" for ranked in ranking),
        SEED_NOTE: all(len(ranked.seeds) == 1 for ranked in ranking),
    }
    return [note for note, holds in said.items() if holds]


def protocol_id(info: RunInfo) -> str:
    """Identity of what a score means: the metric and its protocol, nothing of the run."""
    return content_id({"metric": info.metric, "protocol": info.protocol})


def ranking_json(info: RunInfo, state: RunState) -> dict[str, Any]:
    """The ranking and what it rests on, as plain JSON with finite numbers only."""
    configurations = rank_configurations(state)
    ranking = {
        "written_by": f"animesearch {__version__}",
        "run": info.name,
        "run_by": f"animesearch {info.version}",
        "created": info.created,
        "outcome": state.outcome,
        "metric": info.metric,
        "lower_is_better": True,
        "protocol": dict(info.protocol),
        "protocol_id": protocol_id(info),
        "rungs": list(info.rungs),
        "floor": info.floor,
        "planned": info.trials,
        "counts": _counts(state.of_phase("race")),
        "final_counts": _counts(state.of_phase("final")),
        "stops": stops(state),
        "pruned_at": {str(images): count for images, count in pruned_at(state).items()},
        "metric_share": metric_share(state),
        "notes": [*info.notes, *cautions([state], configurations)],
        "configurations": [vars(ranked) for ranked in configurations],
        "trials": [vars(ranked) for ranked in rank(state)],
    }
    told: dict[str, Any] = finite_only(ranking)
    return told


def _counts(trials: Iterable[TrialRecord]) -> dict[str, int]:
    return dict(Counter(trial.state for trial in trials))


def finite_only(value: Any) -> Any:
    """``value`` with ``None`` for every number that JSON does not know, keys as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite_only(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_only(item) for item in value]
    return value
