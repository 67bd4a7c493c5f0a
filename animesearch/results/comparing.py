"""Trials side by side, and runs side by side where their scores mean the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from animesearch.results.board import curve, finite_scalars
from animesearch.results.comparison import group_runs, what_differs
from animesearch.results.configurations import RankedConfiguration
from animesearch.results.differences import ABSENT, flatten
from animesearch.results.formats import clean, configuration, finite, short, varying
from animesearch.results.ranking import Run
from animesearch.results.records import RungReported, Scalar
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.story import PROCESS, verdict

FEWEST, MOST = 2, 6
"""Trials, or runs, that can be looked at together."""
BEST_OF_ALL = 20
BOOKKEEPING = (
    "config/",
    "confusion_",
    "pid",
    "time_",
    "timestamp",
    "iterations_",
    "training_iteration",
)
"""Beginnings of metrics that are no measurement of the trial."""


def compare_trials(
    state: RunState, ranking: Sequence[RankedConfiguration], trials: Sequence[str]
) -> dict[str, Any]:
    """The named trials of one run, in their order; the caller has checked that they exist."""
    records = [state.trials[trial_id] for trial_id in trials]
    return {
        "options": side_by_side([record.config for record in records]),
        "trials": [
            {**_standing(ranking, record), "verdict": verdict(record), "curve": curve(record),
             "measures": measures(record)}
            for record in records
        ],
    }  # fmt: skip


def side_by_side(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every option by its dotted path with its value in each; ``differs`` where not all agree."""
    flat = [dict(flatten(config)) for config in configs]
    paths = dict.fromkeys(path for one in flat for path in one)
    return [
        {
            "path": clean(path),
            "values": [short(one[path], 6) if path in one else ABSENT for one in flat],
            "differs": any(_told(one, path) != _told(flat[0], path) for one in flat),
        }
        for path in paths
    ]


def _told(values: Mapping[str, Scalar], path: str) -> tuple[bool, Scalar]:
    return (path in values, values.get(path))


def _standing(ranking: Sequence[RankedConfiguration], record: TrialRecord) -> dict[str, Any]:
    """What the ranking says of the trial's configuration."""
    row = next(row for row in ranking if record.trial_id in row.trials)
    names = ("basis", "n", "interval")
    return {
        "standing": {name: getattr(row, name) for name in names}
        | {
            "place": row.place,
            "score": finite(row.score),
            "sd": finite(row.sd),
            "low": finite(row.low),
            "high": finite(row.high),
            "tied": [row.first_place, row.last_place] if row.tied else None,
            "failed": row.failed,
            "runs": row.runs,
        }
    }


def measures(record: TrialRecord) -> dict[str, float]:
    """What was measured beside the score at the trial's last report."""
    last: RungReported | None = record.last
    found = finite_scalars(last.metrics) if last else {}
    return {
        clean(name): number
        for name, value in found.items()
        if (number := finite(value)) is not None
        and name not in PROCESS - {"d_accuracy", "grad_norm_d", "grad_norm_g"}
        and not name.startswith(BOOKKEEPING)
    }


# -- runs ------------------------------------------------------------------------------------------


def compare_runs(runs: Mapping[str, Run]) -> dict[str, Any]:
    """The runs whose scores mean what those of the first one mean; the others are refused by name
    with what differs."""
    groups = group_runs(runs)
    first = groups[0]
    ranking = first.ranking()
    return {
        "metric": clean(next(iter(runs.values()))[0].metric),
        "protocol": first.protocol,
        "protocol_id": first.protocol_id,
        "runs": [_run(name, run, ranking) for name, run in first.runs.items()],
        "refused": [
            {"run": name, "differs": [asdict(one) for one in what_differs(group, first)]}
            for group in groups[1:]
            for name in group.runs
        ],
        "rows": _rows(ranking),
        "spaces": [
            row for row in side_by_side([info.space for info, _ in first.runs.values()])
            if row["differs"]
        ],
    }  # fmt: skip


def _run(name: str, run: Run, ranking: Sequence[RankedConfiguration]) -> dict[str, Any]:
    info, state = run
    own = (row for row in ranking if row.run == name)
    best = next((row for row in own if row.place is not None), None)
    return {
        "run": name,
        "name": clean(info.name),
        "trials": len(state.trials),
        "best": {"trial": best.best_trial, "score": finite(best.score), "place": best.place}
        if best
        else None,
        "curve": curve(state.trials[best.best_trial]) if best else [],
        "progress": progress_of(state),
    }


def progress_of(state: RunState) -> list[tuple[int, float]]:
    """The best race score so far over the images that all trials had been shown by then."""
    shown: dict[str, int] = {}
    points: list[tuple[int, float]] = []
    for report in state.reports:
        shown[report.trial_id] = max(report.images, shown.get(report.trial_id, 0))
        better = not points or report.score < points[-1][1]
        if better and state.trials[report.trial_id].state != "collapsed":
            points.append((sum(shown.values()), report.score))
    return [*points, (sum(shown.values()), points[-1][1])] if points else []


def _rows(ranking: Sequence[RankedConfiguration]) -> list[dict[str, Any]]:
    """The best configurations of all of them."""
    names = varying([row.params for row in ranking])
    return [
        {
            "run": row.run,
            "trial": row.best_trial,
            "place": row.place,
            "score": finite(row.score),
            "sd": finite(row.sd),
            "low": finite(row.low),
            "high": finite(row.high),
            "interval": row.interval,
            "basis": row.basis,
            "n": row.n,
            "tied": [row.first_place, row.last_place] if row.tied else None,
            "state": row.state,
            "configuration": configuration(row.params, names),
        }
        for row in ranking[:BEST_OF_ALL]
    ]
