"""A round of a search: hands out trials, takes their reports, and writes the journal first.

Nothing here knows Ray.  Tune calls in through ``bridge.py``; a test calls in directly with a
scripted order of arrival.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from animesearch.errors import RunFolderError
from animesearch.results.journal import Journal
from animesearch.results.records import (
    AttemptStarted,
    Decided,
    Event,
    FinalState,
    Perturbed,
    Phase,
    RungReported,
    Scalar,
    TrialEnded,
)
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.views import View
from animesearch.tuning.leaving import LEAVING
from animesearch.tuning.schedulers import Decision
from animesearch.tuning.trialfiles import WAITING
from animesearch.tuning.upkeep import IDLE, Upkeep


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to know of its trial."""

    trial_id: str
    attempt: int
    seed: int
    config: dict[str, Any]


class Round(ABC):
    """Trials of one phase, all of them; ``state`` is the fold of the journal at any moment.

    ``rungs`` are in images, the last is the full budget.  What a subclass says: how many trials
    there are, how a new one comes about, which go on at a rung, and who hears of their ends.
    """

    phase: ClassVar[Phase]

    def __init__(
        self,
        rungs: tuple[int, ...],
        journal: Journal,
        state: RunState,
        view: View,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rungs, self.state = rungs, state
        self._journal, self._view, self._clock = journal, view, clock
        records = state.of_phase(self.phase)
        self.created = len(records)
        """Trials of this phase that there are."""
        self._ended = sum(record.done for record in records)
        self._queue = deque(record for record in records if not record.done)
        self._running: set[str] = set()
        self.fault: RunFolderError | None = None
        """The journal could not be written: nothing may be decided any more."""
        self._closing = False
        self.upkeep: Upkeep = IDLE
        """Hears of ends, and holds reports up where there is no room for what follows them."""

    def __getstate__(self) -> dict[str, object]:
        """Empty: Tune pickles what it is given, but a round is only ever rebuilt from a journal."""
        return {}

    # -- what a subclass says ------------------------------------------------------------------

    @property
    @abstractmethod
    def trials(self) -> int:
        """Trials of this phase in all."""

    @abstractmethod
    def _create(self) -> TrialRecord:
        """Journal the next new trial; only called where there is one."""

    @abstractmethod
    def _decide(self, record: TrialRecord, report: RungReported) -> Decision:
        """Whether the trial goes on after ``report``, which is not in the state yet."""

    def _worth(self, best: float | None) -> float | None:
        """What the sampler is told of a trial with this best score (None: a collapsed one)."""
        return None

    def _heard(self, record: TrialRecord, images: int, score: float) -> None:  # noqa: B027
        """A score was journalled; by default nobody needs to know."""

    def _over(self, record: TrialRecord) -> None:  # noqa: B027
        """An end was journalled; by default nobody needs to know."""

    # -- handing out ---------------------------------------------------------------------------

    @property
    def records(self) -> list[TrialRecord]:
        """The trials of this phase that there are, in the order of their creation."""
        return self.state.of_phase(self.phase)

    @property
    def complete(self) -> bool:
        """Every trial of this phase has ended."""
        return self.created >= self.trials and self._ended == self.created

    @property
    def exhausted(self) -> bool:
        """Nothing is left to hand out."""
        return self._closing or (self.created >= self.trials and not self._queue)

    @property
    def closing(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closing

    @property
    def over(self) -> bool:
        """Nothing will be handed out any more."""
        return self._closing or self.complete

    @property
    def running(self) -> int:
        """Trials handed out in this session that have not ended."""
        return len(self._running)

    def next(self) -> Assignment | None:
        """An interrupted trial, else a new one; None when :attr:`exhausted`."""
        if self.exhausted:
            return None
        record = self._queue.popleft() if self._queue else self._new_record()
        self._running.add(record.trial_id)
        return Assignment(
            record.trial_id, record.attempt + 1, record.created.seed, dict(record.config)
        )

    def _new_record(self) -> TrialRecord:
        record = self._create()
        self.created += 1
        return record

    def lost(self, trial_id: str) -> None:
        """Nobody has taken the trial up: it is handed out again."""
        self._running.discard(trial_id)
        self._queue.append(self.state.trials[trial_id])

    def close(self) -> None:
        """Hand out nothing more."""
        self._closing = True

    def note(self, text: str) -> None:
        """A remark for the person who watches."""
        self._view.note(text)

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
        if WAITING in metrics:
            if text := metrics[WAITING]:
                self._view.note(f"{trial_id}: {text}")
            return True
        if LEAVING in metrics:
            self.note(f"{trial_id}: its process has to end, {metrics[LEAVING]}")
            return True
        rung, score = metrics.get("rung"), metrics.get("score")
        if isinstance(rung, int) and isinstance(score, (int, float)):
            self.upkeep.wait_for_room()
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

    # -- writing down --------------------------------------------------------------------------

    def _rung(
        self, record: TrialRecord, rung: int, score: float, metrics: Mapping[str, Scalar]
    ) -> None:
        nominal = self.rungs[rung]
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
        self._append(report, *self._ruling(record, report))
        self._heard(record, nominal, score)
        if record.done:
            self._over(record)

    def _ruling(self, record: TrialRecord, report: RungReported) -> list[Event]:
        """The decision on ``report``, and the trial's end where it is one."""
        decision = self._decide(record, report)
        decided = Decided(
            at=self._clock(),
            trial_id=record.trial_id,
            rung=report.rung,
            action="continue" if decision.proceed else "stop",
            why=decision.why,
        )
        if not decision.proceed:
            return [decided, self._ending(record, "pruned", decision.why, images=report.images)]
        if self.rungs[report.rung] != self.rungs[-1]:
            return [decided]
        best = min([report.score, *(r.score for r in record.rungs.values())])
        told = self._worth(best)
        return [decided, self._ending(record, "completed", images=report.images, told=told)]

    def _collapse(self, record: TrialRecord, metrics: Mapping[str, Scalar]) -> None:
        self._end(
            record,
            "collapsed",
            reason=str(metrics["verdict"]),
            message=str(metrics.get("evidence", "")),
            images=_images(metrics, record.images),
            told=self._worth(None),
            device_seconds=_others(metrics).get("device_seconds"),
        )

    def _end(self, record: TrialRecord, state: FinalState, **fields: Any) -> None:
        self._append(self._ending(record, state, **fields))
        self._over(record)

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
            if isinstance(event, TrialEnded):
                self._ended += 1
                self._running.discard(event.trial_id)
                self.upkeep.ended(self.state.trials[event.trial_id])
            self._view.event(event, self.state)


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
