"""A ranking as the rows of a page: plain JSON, finite numbers only, nothing of a browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from animesearch.results.configurations import RankedConfiguration
from animesearch.results.floors import floor_words
from animesearch.results.formats import clean, configuration, finite, short_names, varying
from animesearch.results.ranking import Ranked, cautions, protocol_id, stops
from animesearch.results.records import RunInfo
from animesearch.results.state import RunState, TrialRecord

MOST_POINTS = 24
"""Points of a sparkline: more cannot be told apart at its size."""
Point: TypeAlias = tuple[int, float]


def run_facts(
    info: RunInfo, state: RunState, configurations: Sequence[RankedConfiguration]
) -> dict[str, Any]:
    """What a run is and how far it came."""
    return {
        "name": clean(info.name),
        "created": info.created,
        "version": info.version,
        "metric": clean(info.metric),
        "floor": finite(info.floor),
        "floor_words": floor_words([finite(info.floor)], configurations),
        "protocol": dict(info.protocol),
        "protocol_id": protocol_id(info),
        "rungs": list(info.rungs),
        "planned": info.trials,
        "finals": len(state.of_phase("final")),
        "counts": dict(Counter(trial.state for trial in state.trials.values())),
        "stops": stops(state),
        "outcome": state.outcome,
        "notes": [clean(note) for note in [*info.notes, *cautions([state], configurations)]],
    }


def parameter_columns(ranking: Sequence[Ranked | RankedConfiguration]) -> list[dict[str, Any]]:
    """The sampled parameters as columns; ``shown`` are those whose values differ."""
    params = [ranked.params for ranked in ranking]
    names = list(dict.fromkeys(name for one in params for name in one))
    labels, chosen = short_names(names), set(varying(params))
    return [
        {
            "name": name,
            "label": labels[name],
            "numeric": all(finite(one[name]) is not None for one in params if name in one),
            "varies": name in chosen,
        }
        for name in names
    ]


def board_rows(
    configurations: Sequence[RankedConfiguration], ranking: Sequence[Ranked], state: RunState
) -> list[dict[str, Any]]:
    """One mapping a configuration, in the order of the ranking; what belongs to a trial (``curve``,
    ``time``, ...) is that of its best one."""
    trials = {ranked.trial_id: ranked for ranked in ranking}
    names = varying([ranked.params for ranked in configurations])
    return [
        {
            **ranked_row(trials[row.best_trial], names),
            **_standing(row),
            "curve": curve(state.trials[row.best_trial], MOST_POINTS),
        }
        for row in configurations
    ]


def _standing(row: RankedConfiguration) -> dict[str, Any]:
    """What a configuration has and a trial has not."""
    return {
        "place": row.place,
        "score": finite(row.score),
        "sd": finite(row.sd),
        "n": row.n,
        "basis": row.basis,
        "samples": row.samples,
        "floor": finite(row.floor),
        "low": finite(row.low),
        "high": finite(row.high),
        "interval": row.interval,
        "tied": [row.first_place, row.last_place] if row.tied else None,
        "failed": row.failed,
        "runs": row.runs,
        "state": row.state,
        "reason": clean(row.reason),
        "trials": list(row.trials),
        "seeds": len(row.seeds),
    }


def curve(trial: TrialRecord, most: int | None = None) -> list[Point]:
    """(images, score) at the rungs, ascending; none for a collapsed trial, whose distance misleads.

    At most ``most`` points: every n-th, the last one always.
    """
    if trial.state == "collapsed":
        return []
    reports = sorted(trial.rungs.values(), key=lambda report: report.images)
    points = [(report.images, report.score) for report in reports]
    if most is None or len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(place * step)] for place in range(most)]


def ranked_row(ranked: Ranked, names: Sequence[str]) -> dict[str, Any]:
    """The trial's own values; ``names`` are the parameters of its short configuration."""
    return {
        "place": ranked.place,
        "trial": ranked.trial_id,
        "number": ranked.number,
        "config": ranked.config_id,
        "seed": ranked.seed,
        "phase": ranked.phase,
        "state": ranked.state,
        "reason": clean(ranked.reason),
        "score": finite(ranked.score),
        "fresh": ranked.fresh,
        "race": finite(ranked.race_best),
        "last": finite(ranked.last_score),
        "noise": finite(ranked.noise),
        "memorisation": finite(ranked.memorisation),
        "kimg": ranked.images / 1000,
        "rungs": ranked.rungs_survived,
        "time": finite(ranked.device_seconds),
        "configuration": configuration(ranked.params, names),
        "params": finite_scalars(ranked.params),
    }


def finite_scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values by name; what is no finite number, text or truth value is ``None``."""
    return {
        name: value if not isinstance(value, float) else finite(value)
        for name, value in values.items()
    }
