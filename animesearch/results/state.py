"""The state of a run as a fold of its journal: pure, the same for driver, rank and dashboard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

from animesearch.errors import RunFolderError
from animesearch.results.records import (
    AttemptStarted,
    Decided,
    Event,
    Perturbed,
    Phase,
    Rescored,
    RunClosed,
    RungReported,
    RunOpened,
    Scalar,
    TrialCreated,
    TrialEnded,
    TrialState,
)

DONE: frozenset[TrialState] = frozenset({"completed", "pruned", "collapsed", "failed"})


@dataclass
class TrialRecord:
    """One trial.  ``rungs`` maps a rung's index to the first report of that rung,
    ``decisions`` to the first decision on it; ``perturbed_after`` counts the rungs before the last
    perturbation."""

    created: TrialCreated
    state: TrialState = "pending"
    attempt: int = 0
    rungs: dict[int, RungReported] = field(default_factory=dict)
    decisions: dict[int, Decided] = field(default_factory=dict)
    perturbed: Perturbed | None = None
    perturbed_after: int = 0
    ended: TrialEnded | None = None
    rescored: Rescored | None = None

    @property
    def trial_id(self) -> str:
        return self.created.trial_id

    @property
    def params(self) -> dict[str, Scalar]:
        return self.created.params

    @property
    def config(self) -> dict[str, Any]:
        return self.perturbed.config if self.perturbed else self.created.config

    @property
    def best(self) -> RungReported | None:
        """The report with the lowest score; the earlier one of two equals."""
        return min(self.rungs.values(), key=lambda report: report.score, default=None)

    @property
    def last(self) -> RungReported | None:
        """The report of the highest rung."""
        return max(self.rungs.values(), key=lambda report: report.rung, default=None)

    @property
    def images(self) -> int:
        """Images shown at the end, or at the last report."""
        reported = self.last.images if self.last else 0
        return max(reported, self.ended.images if self.ended else 0)

    @property
    def done(self) -> bool:
        return self.state in DONE

    @property
    def phase(self) -> Phase:
        return self.created.phase


@dataclass
class RunState:
    """All trials in the order of their creation, and the race's scores as they arrived.

    ``reports`` is what a scheduler decides on: scores of final trials are not among them.
    """

    trials: dict[str, TrialRecord] = field(default_factory=dict)
    reports: list[RungReported] = field(default_factory=list)
    sessions: int = 0
    outcome: str = ""

    def apply(self, event: Event) -> None:
        """Take one event in."""
        _apply(event, self)

    @property
    def worst_score(self) -> float | None:
        """The highest score of any report of the race so far."""
        return max((report.score for report in self.reports), default=None)

    def trial(self, trial_id: str) -> TrialRecord:
        """The trial; :class:`RunFolderError` for one that was never created."""
        if trial_id not in self.trials:
            raise RunFolderError(f"the run has no trial {trial_id}")
        return self.trials[trial_id]

    def by_state(self, state: TrialState) -> list[TrialRecord]:
        return [trial for trial in self.trials.values() if trial.state == state]

    def of_phase(self, phase: Phase) -> list[TrialRecord]:
        return [trial for trial in self.trials.values() if trial.phase == phase]

    def unfinished(self) -> list[TrialRecord]:
        return [trial for trial in self.trials.values() if not trial.done]


def fold(events: Iterable[Event]) -> RunState:
    """The state after ``events``."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state


@singledispatch
def _apply(event: object, run: RunState) -> None:
    raise TypeError(f"not an event of a journal of {len(run.trials)} trials: {event!r}")


@_apply.register
def _(event: RunOpened, run: RunState) -> None:
    run.sessions = event.session
    run.outcome = ""
    _set_down(run)


@_apply.register
def _(event: TrialCreated, run: RunState) -> None:
    known = run.trials.setdefault(event.trial_id, TrialRecord(event)).created
    if known.config_id != event.config_id:
        raise RunFolderError(
            f"the journal creates {event.trial_id} twice: as configuration {known.config_id} "
            f"and as {event.config_id}"
        )


@_apply.register
def _(event: AttemptStarted, run: RunState) -> None:
    trial = run.trial(event.trial_id)
    if trial.done:
        return  # what ended stays as it ended
    trial.attempt = event.attempt
    trial.state = "running"


@_apply.register
def _(event: RungReported, run: RunState) -> None:
    trial = run.trial(event.trial_id)
    if event.rung in trial.rungs:
        return  # a rung counts once, however often a resumed worker reports it
    trial.rungs[event.rung] = event
    if trial.phase == "race":
        run.reports.append(event)


@_apply.register
def _(event: Decided, run: RunState) -> None:
    run.trial(event.trial_id).decisions.setdefault(event.rung, event)


@_apply.register
def _(event: Perturbed, run: RunState) -> None:
    trial = run.trial(event.trial_id)
    trial.perturbed, trial.perturbed_after = event, len(trial.rungs)


@_apply.register
def _(event: TrialEnded, run: RunState) -> None:
    trial = run.trial(event.trial_id)
    if trial.done:
        return  # the first end counts
    trial.state = event.state
    trial.ended = event


@_apply.register
def _(event: Rescored, run: RunState) -> None:
    run.trial(event.trial_id).rescored = event


@_apply.register
def _(event: RunClosed, run: RunState) -> None:
    run.outcome = event.outcome
    _set_down(run)


def _set_down(run: RunState) -> None:
    """No worker holds a trial before a driver began and after it ended."""
    for trial in run.unfinished():
        trial.state = "pending"


def snapshot(trial: TrialRecord) -> TrialRecord:
    """A copy that later events do not change."""
    return replace(trial, rungs=dict(trial.rungs), decisions=dict(trial.decisions))
