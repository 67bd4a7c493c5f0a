"""Recorded curves: what each configuration scored at every rung, and what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animesearch.errors import RunFolderError
from animesearch.results.folder import RunFolder
from animesearch.results.records import RunInfo
from animesearch.results.state import TrialRecord


@dataclass(frozen=True)
class Reading:
    """The score at a rung.

    ``images`` of the rung, ``noise`` the score's standard error (0 where it was not estimated),
    ``training`` device-seconds of training alone from the start to here, ``scoring`` those of
    this score.
    """

    images: int
    score: float
    noise: float
    training: float
    scoring: float


@dataclass(frozen=True, eq=False)
class Curve:
    """One training of one configuration; equal to itself alone.

    ``readings`` by rung, ascending; ``fresh`` is the score of its best checkpoint on fresh
    samples, None where it has none (it collapsed); ``reason`` why it ended early, else ''.
    """

    name: str
    family: str
    readings: tuple[Reading, ...]
    fresh: float | None
    fresh_noise: float | None = None
    reason: str = ""
    config_id: str = ""
    folder: Path | None = None

    @property
    def best(self) -> Reading:
        """The reading with the lowest score; its checkpoint is what was scored again."""
        return min(self.readings, key=lambda reading: reading.score)

    def upto(self, images: int) -> Reading | None:
        """The best reading up to ``images``; None where there is none yet."""
        early = [reading for reading in self.readings if reading.images <= images]
        return min(early, key=lambda reading: reading.score, default=None)

    def at(self, images: int) -> Reading | None:
        """The reading at the rung of ``images``; None where it was not reached."""
        return next((one for one in self.readings if one.images == images), None)


@dataclass(frozen=True)
class Recording:
    """All curves of one protocol, and the rungs at which they were read."""

    rungs: tuple[int, ...]
    curves: tuple[Curve, ...]
    metric: str
    samples: int
    floor: float | None
    size: int

    @property
    def finished(self) -> list[Curve]:
        """Those with a final score, in the order of their drawing."""
        return [curve for curve in self.curves if curve.fresh is not None]


def races(folder: Path) -> list[RunFolder]:
    """The folders ``race-*`` in ``folder``; :class:`RunFolderError` where there are none."""
    found = sorted(folder.glob("race-*/run.json"))
    if not found:
        raise RunFolderError(f"{folder} holds no race-*: python benchmarks/rungs.py train --out")
    return [RunFolder(path.parent) for path in found]


def recorded(folder: Path) -> Recording:
    """The curves of all races in ``folder``; they must be of one protocol and one set of rungs."""
    runs = races(folder)
    infos = [run.info() for run in runs]
    first = infos[0]
    for info, run in zip(infos, runs, strict=True):
        if (info.protocol, info.rungs) != (first.protocol, first.rungs):
            raise RunFolderError(f"{run.path} is of another protocol than {runs[0].path}")
    curves = [curve for run, info in zip(runs, infos, strict=True) for curve in _race(run, info)]
    samples, size = int(first.protocol["samples"]), int(first.protocol["shape"][-1])
    return Recording(first.rungs, tuple(curves), first.metric, samples, first.floor, size)


def _race(run: RunFolder, info: RunInfo) -> list[Curve]:
    trials = run.state().of_phase("race")
    curves = [curve_of(run, trial, info.rungs) for trial in trials if trial.done]
    return [curve for curve in curves if curve.readings]


def replicas(folder: Path) -> dict[str, list[Curve]]:
    """By name of the configuration in the races: all its runs from other seeds."""
    run = RunFolder(folder / "seeds")
    if not run.info_file.is_file():
        return {}
    rungs, found = run.info().rungs, dict[str, list[Curve]]()
    for trial in run.state().trials.values():
        if trial.state == "completed":
            name = str(trial.created.params["trial"])
            found.setdefault(name, []).append(curve_of(run, trial, rungs))
    return found


def curve_of(run: RunFolder, trial: TrialRecord, rungs: Sequence[int]) -> Curve:
    """The curve of a trial that has ended."""
    fresh = trial.rescored
    return Curve(
        name=f"{run.path.name.removeprefix('race-')}-{trial.trial_id}",
        family=trial.created.group,
        readings=_readings(trial, rungs),
        fresh=fresh.score if fresh and trial.state == "completed" else None,
        fresh_noise=fresh.noise if fresh else None,
        reason=trial.ended.reason or trial.state if trial.ended else "",
        config_id=trial.created.config_id,
        folder=run.checkpoints(trial.trial_id),
    )


def _readings(trial: TrialRecord, rungs: Sequence[int]) -> tuple[Reading, ...]:
    found, scored = [], 0.0
    for rung, report in sorted(trial.rungs.items()):
        scoring = _number(report.metrics.get("metric_seconds"))
        scored += scoring
        training = _number(report.metrics.get("device_seconds")) - scored
        noise = _number(report.metrics.get("noise"))
        found.append(Reading(rungs[rung], report.score, noise, training, scoring))
    return tuple(found)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
