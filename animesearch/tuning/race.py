"""The race: hands out trials, takes their reports, decides, and writes the journal first.

Nothing here knows Ray.  Tune calls in through ``bridge.py``; a test calls in directly with a
scripted order of arrival.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from animesearch.errors import RunFolderError
from animesearch.files import content_id
from animesearch.results.journal import Journal
from animesearch.results.records import (
    AttemptStarted,
    Decided,
    Event,
    FinalState,
    Perturbed,
    RungReported,
    Scalar,
    TrialCreated,
    TrialEnded,
)
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.views import View
from animesearch.tuning.samplers import derived_seed
from animesearch.tuning.schedulers import Arrival, Decision, SchedulerSpec
from animesearch.tuning.study import Brain

PENALTY = 1.5
"""A collapsed trial's score for the sampler, relative to the worst finite score so far."""


@dataclass(frozen=True)
class RacePlan:
    """What is fixed in a race: rungs in images (the last is the budget), trials, seed, and the
    scheduler that decides."""

    rungs: tuple[int, ...]
    trials: int
    seed: int
    scheduler: SchedulerSpec


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to know of its trial."""

    trial_id: str
    attempt: int
    seed: int
    config: dict[str, Any]


class Race:
    """All decisions of a search; ``state`` is the fold of the journal at any moment."""

    def __init__(
        self,
        plan: RacePlan,
        brain: Brain,
        journal: Journal,
        state: RunState,
        view: View,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.plan, self.state = plan, state
        self._brain, self._journal = brain, journal
        self._view, self._clock = view, clock
        self._handed_out: set[str] = set()
        self.fault: RunFolderError | None = None
        """The journal could not be written: nothing may be decided any more."""
        self._closing = False

    def __getstate__(self) -> dict[str, object]:
        """Empty: Tune pickles what it is given, but a race is only ever rebuilt from a journal."""
        return {}

    # -- handing out ---------------------------------------------------------------------------

    @property
    def trials(self) -> int:
        """Configurations in all; an exhausted grid has fewer than were asked for."""
        limit = self._brain.limit
        return self.plan.trials if limit is None else min(limit, self.plan.trials)

    @property
    def exhausted(self) -> bool:
        """Nothing is left to hand out."""
        return self._closing or (len(self.state.trials) >= self.trials and not self._waiting())

    @property
    def running(self) -> int:
        """Trials handed out in this session that have not ended."""
        return sum(not self.state.trials[name].done for name in self._handed_out)

    def next(self) -> Assignment | None:
        """An interrupted trial, else a new one; None when :attr:`exhausted`."""
        if self.exhausted:
            return None
        waiting = self._waiting()
        record = waiting[0] if waiting else self._create()
        self._handed_out.add(record.trial_id)
        return Assignment(
            record.trial_id, record.attempt + 1, record.created.seed, dict(record.config)
        )

    def close(self) -> None:
        """Hand out nothing more."""
        self._closing = True

    def _waiting(self) -> list[TrialRecord]:
        unfinished = self.state.unfinished()
        return [trial for trial in unfinished if trial.trial_id not in self._handed_out]

    def _create(self) -> TrialRecord:
        number = len(self.state.trials)
        trial_id = f"t{number:04d}"
        sampled = self._brain.ask(number, trial_id)
        config_id = content_id(sampled.tree)
        twins = sum(t.created.config_id == config_id for t in self.state.trials.values())
        self._append(
            TrialCreated(
                at=self._clock(),
                trial_id=trial_id,
                number=number,
                config_id=config_id,
                seed=derived_seed(self.plan.seed, config_id, twins),
                group=_family(sampled.tree),
                params=dict(sampled.params),
                config=sampled.tree,
            )
        )
        return self.state.trials[trial_id]

    # -- what workers and Tune tell ------------------------------------------------------------

    def started(self, trial_id: str) -> None:
        """A worker took the trial up."""
        record = self.state.trials[trial_id]
        if not record.done:
            self._append(
                AttemptStarted(at=self._clock(), trial_id=trial_id, attempt=record.attempt + 1)
            )

    def report(self, trial_id: str, metrics: Mapping[str, Scalar]) -> bool:
        """Take a report in; whether the trial goes on."""
        record = self.state.trials[trial_id]
        if record.done:
            return False
        rung, score = metrics.get("rung"), metrics.get("score")
        if isinstance(rung, int) and isinstance(score, (int, float)):
            self._rung(record, rung, float(score), metrics)
        if metrics.get("verdict") and not record.done:
            self._collapse(record, metrics)
        if not record.done:
            self._view.tick(trial_id, metrics)
        return not record.done

    def perturbed(self, trial_id: str, config: dict[str, Any]) -> None:
        """Population based training changed the trial's configuration."""
        self._append(Perturbed(at=self._clock(), trial_id=trial_id, config=config))

    def ended(self, trial_id: str, error: str = "") -> None:
        """The trial's function returned, or failed for good with ``error``.

        After :meth:`close` an unfinished trial is interrupted, not failed.
        """
        record = self.state.trials[trial_id]
        if not record.done and not self._closing:
            message = error or "the trial ended before its full budget without a verdict"
            self._end(record, "failed", message=message)

    # -- deciding ------------------------------------------------------------------------------

    def _rung(
        self, record: TrialRecord, rung: int, score: float, metrics: Mapping[str, Scalar]
    ) -> None:
        nominal = self.plan.rungs[rung]
        if rung in record.rungs:
            return  # a resumed worker repeats its last report: decided already
        if not math.isfinite(score):
            raise ValueError(f"{record.trial_id} reported the score {score} at rung {rung}")
        report = RungReported(
            at=self._clock(),
            trial_id=record.trial_id,
            attempt=record.attempt,
            rung=rung,
            images=_images(metrics, nominal),  # whole batches: a little beyond the rung
            score=score,
            metrics=_others(metrics),
        )
        decision = self._decide(record, report)
        events: list[Event] = [
            report,
            Decided(
                at=self._clock(),
                trial_id=record.trial_id,
                rung=rung,
                action="continue" if decision.proceed else "stop",
                why=decision.why,
            ),
        ]
        if not decision.proceed:
            ending = self._ending(record, "pruned", decision.why, images=report.images)
            events.append(ending)
        elif nominal == self.plan.rungs[-1]:
            best = min([score, *(r.score for r in record.rungs.values())])
            events.append(self._ending(record, "completed", images=report.images, told=best))
        self._append(*events)
        self._brain.report(record, nominal, score)
        if record.done:
            self._brain.tell(record)

    def _decide(self, record: TrialRecord, report: RungReported) -> Decision:
        scheduler = self.plan.scheduler
        if scheduler.engine != "journal":
            return Decision(True, f"decided by {scheduler.name}")
        return decide(scheduler, self.state, self.plan.rungs, record, report)

    def _collapse(self, record: TrialRecord, metrics: Mapping[str, Scalar]) -> None:
        worst = self.state.worst_score
        self._end(
            record,
            "collapsed",
            reason=str(metrics["verdict"]),
            message=str(metrics.get("evidence", "")),
            images=_images(metrics, record.images),
            told=None if worst is None else PENALTY * abs(worst),
        )

    def _end(self, record: TrialRecord, state: FinalState, **fields: Any) -> None:
        self._append(self._ending(record, state, **fields))
        self._brain.tell(record)

    def _ending(
        self, record: TrialRecord, state: FinalState, message: str = "", **fields: Any
    ) -> TrialEnded:
        fields.setdefault("images", record.images)
        return TrialEnded(
            at=self._clock(), trial_id=record.trial_id, state=state, message=message, **fields
        )

    def _append(self, *events: Event) -> None:
        try:
            self._journal.append(*events)
        except RunFolderError as error:
            self.fault = error
            raise
        for event in events:
            self.state.apply(event)
            self._view.event(event, self.state)


def decide(
    scheduler: SchedulerSpec,
    state: RunState,
    rungs: tuple[int, ...],
    record: TrialRecord,
    report: RungReported,
) -> Decision:
    """The scheduler's decision on ``report``, given everything that arrived before it."""
    arrivals = [_arrival(state.trials[r.trial_id], r, rungs) for r in state.reports]
    return scheduler.decide([*arrivals, _arrival(record, report, rungs)], rungs)


def replay(scheduler: SchedulerSpec, state: RunState, rungs: tuple[int, ...]) -> list[str]:
    """Decisions that the scheduler would make otherwise today; empty if all agree.

    Proof that a ranking follows from its journal: the scores in their order give the same
    decisions again.
    """
    past = RunState(trials=state.trials)
    differing = []
    for report in state.reports:
        record = state.trials[report.trial_id]
        now = decide(scheduler, past, rungs, record, report)
        then = record.decisions.get(report.rung)
        if then is not None and now.proceed != (then.action == "continue"):
            differing.append(f"{report.trial_id} rung {report.rung}: was {then.action}, {now.why}")
        past.reports.append(report)
    return differing


def _arrival(record: TrialRecord, report: RungReported, rungs: tuple[int, ...]) -> Arrival:
    best = min([report.score, *(r.score for r in record.rungs.values() if r.rung < report.rung)])
    created = record.created
    option = str(created.params.get("trial", ""))
    rung = rungs[report.rung]
    return Arrival(created.trial_id, created.number, created.group, rung, best, option)


def _family(tree: Mapping[str, Any]) -> str:
    """The name of the architecture of a resolved configuration."""
    architecture = tree.get("architecture")
    name = architecture.get("name") if isinstance(architecture, Mapping) else architecture
    return str(name or "")


def _images(metrics: Mapping[str, Scalar], default: int) -> int:
    images = metrics.get("images")
    return images if isinstance(images, int) else default


def _others(metrics: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Everything else that was measured, finite numbers and short texts only."""
    return {
        key: value
        for key, value in metrics.items()
        if key not in {"rung", "score", "images"}
        and not (isinstance(value, float) and not math.isfinite(value))
        and isinstance(value, (str, bool, int, float))
    }
