"""What one trial's record says: its number, why it ended, how far it came."""

from __future__ import annotations

from animesearch.results.formats import finite
from animesearch.results.records import TrialState
from animesearch.results.state import TrialRecord

NUMBERLESS: tuple[TrialState, ...] = ("running", "collapsed", "failed", "pending")
"""States of trials without a number, in the order in which a ranking lists them."""
LOST: frozenset[TrialState] = frozenset({"collapsed", "failed"})
"""Ends without a number: a distance to a collapsed generator misleads."""


def numberless_state(trial: TrialRecord) -> TrialState:
    """A trial that ended well without any score has failed to give one."""
    return trial.state if trial.state in NUMBERLESS else "failed"


def ranking_score(trial: TrialRecord) -> float | None:
    """The number that a trial is ranked by; ``None`` for collapsed, failed and unscored ones."""
    fresh = fresh_score(trial)
    return race_score(trial) if fresh is None else fresh


def fresh_score(trial: TrialRecord) -> float | None:
    """The score on fresh samples after the training; ``None`` where there is none to show."""
    return None if trial.state in LOST or trial.rescored is None else trial.rescored.score


def race_score(trial: TrialRecord) -> float | None:
    """The best score of any rung; ``None`` for collapsed, failed and unscored trials."""
    best = trial.best
    return None if trial.state in LOST or best is None else best.score


def noise_of(trial: TrialRecord) -> float | None:
    """Standard error of the number that the trial is ranked by, where it was estimated."""
    if trial.rescored is not None and trial.rescored.noise is not None:
        return trial.rescored.noise
    return finite(trial.best.metrics.get("noise")) if trial.best else None


def why_ended(trial: TrialRecord) -> str:
    """Why a trial stopped: the verdict's code, the scheduler's words, or the fault."""
    if trial.ended is None or trial.state == "completed":
        return ""
    decided = trial.decisions.get(max(trial.decisions)) if trial.decisions else None
    rule = decided.why if decided and decided.action == "stop" else ""
    return trial.ended.reason or rule or trial.ended.message


def survived(trial: TrialRecord) -> int:
    """Rungs that a trial passed; the last rung counts for one that completed."""
    if trial.state == "completed":
        return len(trial.rungs)
    return sum(
        1
        for rung in trial.rungs
        if rung in trial.decisions and trial.decisions[rung].action == "continue"
    )


def device_seconds(trial: TrialRecord) -> float | None:
    """The time of a device that the trial has taken, as told at its last report."""
    told = [*numbers(trial, "device_seconds")]
    if trial.ended is not None and trial.ended.device_seconds is not None:
        told.append(trial.ended.device_seconds)
    return max(told, default=None)


def numbers(trial: TrialRecord, name: str) -> list[float]:
    """The finite values of a metric, in the order of the reports."""
    values = (finite(report.metrics.get(name)) for report in trial.rungs.values())
    return [value for value in values if value is not None]


def stop_code(trial: TrialRecord) -> str:
    """One word for why a trial stopped before its end: a reason code, ``race`` or ``fault``."""
    if trial.ended is None or trial.state == "completed":
        return ""
    words = {"pruned": "race", "failed": "fault"}
    return words.get(trial.state) or trial.ended.reason or trial.state
