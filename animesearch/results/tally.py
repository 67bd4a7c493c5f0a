"""What a view counts of a search's trials, kept up to date one trial at a time.

A search of 10,000 trials tells tens of thousands of events; a look at every trial for each of them
would cost more than the rest of the driver does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from animesearch.results.formats import Varying, finite
from animesearch.results.readings import ranking_score, stop_code
from animesearch.results.records import Phase, Scalar, TrialState
from animesearch.results.state import DONE, RunState, TrialRecord


@dataclass(frozen=True)
class Tick:
    """What a worker last told between two reports; anything may be missing."""

    images: int = 0
    rate: float | None = None
    loss_d: float | None = None
    loss_g: float | None = None

    @classmethod
    def of(cls, metrics: Mapping[str, Scalar]) -> Tick:
        rate = finite(metrics.get("images_per_second"))
        return cls(
            images=int(finite(metrics.get("images")) or 0),
            rate=rate if rate is None or rate >= 0 else None,
            loss_d=finite(metrics.get("loss_d")),
            loss_g=finite(metrics.get("loss_g")),
        )


@dataclass(frozen=True)
class Row:
    """One trial at one moment.  ``rung_images`` are those of its last rung, ``last_score``
    its score there, ``score`` the one that it would be ranked by (``fresh``: from fresh
    samples), ``number`` its place in the order of creation."""

    trial_id: str
    number: int
    state: TrialState
    images: int
    rung_images: int | None
    last_score: float | None
    score: float | None
    fresh: bool
    params: Mapping[str, Scalar]
    phase: Phase = "race"
    configuration: str = ""
    tick: Tick = field(default_factory=Tick)

    @property
    def merit(self) -> tuple[bool, bool, float, int]:
        """Its place in a ranking, the lowest first: fresh scores stand before those of the race,
        trials without a number last."""
        return (self.score is None, not self.fresh, self.score or 0.0, self.number)


def row_of(trial: TrialRecord, number: int) -> Row:
    """The trial as it stands."""
    last = trial.last
    return Row(
        trial_id=trial.trial_id,
        number=number,
        state=trial.state,
        images=trial.images,
        rung_images=last.images if last else None,
        last_score=last.score if last else None,
        score=ranking_score(trial),
        fresh=trial.rescored is not None,
        params=trial.params,
        phase=trial.phase,
    )


class Tally:
    """Rows of all trials, and what is counted of them."""

    def __init__(self, state: RunState) -> None:
        self.rows: dict[str, Row] = {}
        self.open: dict[str, Row] = {}
        """Rows of trials that have not ended, in the order of their creation."""
        self.counts: Counter[TrialState] = Counter()
        """Trials of the race by their state."""
        self.finals = 0
        self.images_done = 0
        """Of the trials that have ended."""
        self.best: Row | None = None
        """The first of a ranking, with or without a number."""
        self._varying = Varying()
        for trial in state.trials.values():
            self.take(trial)

    @property
    def racing(self) -> int:
        """Trials of the race."""
        return len(self.rows) - self.finals

    @property
    def names(self) -> list[str]:
        """Parameters whose values differ between the trials."""
        return self._varying.names

    def take(self, trial: TrialRecord) -> None:
        """The trial is new, or has changed."""
        before = self.rows.get(trial.trial_id)
        row = row_of(trial, len(self.rows) if before is None else before.number)
        self._forget(before)
        self.rows[row.trial_id] = row
        if before is None:
            self._varying.add(row.params)
        self._count(row, +1)
        self._lead(before, row)

    def _forget(self, row: Row | None) -> None:
        if row is not None:
            self._count(row, -1)

    def _count(self, row: Row, sign: int) -> None:
        if row.phase == "race":
            self.counts[row.state] += sign
        else:
            self.finals += sign
        if row.state in DONE:
            self.images_done += sign * row.images
            self.open.pop(row.trial_id, None)
        elif sign > 0:
            self.open[row.trial_id] = row  # a row that is there keeps its place

    def _lead(self, before: Row | None, row: Row) -> None:
        led = before is not None and before is self.best
        if before is not None and led and row.merit > before.merit:
            self.best = min(self.rows.values(), key=lambda one: one.merit)  # the leader fell back
        elif led or self.best is None or row.merit < self.best.merit:
            self.best = row


class Stops:
    """Why trials stopped early, and at which rungs."""

    def __init__(self, state: RunState) -> None:
        self._codes: Counter[str] = Counter()
        self._pruned: Counter[int] = Counter()
        self._fewest: dict[int, int] = {}
        for report in state.reports:
            self.reach(report.rung, report.images)
        for trial in state.trials.values():
            self.take(trial)

    def reach(self, rung: int, images: int) -> None:
        """Batches of different sizes reach a rung at slightly different counts: the fewest
        names it."""
        self._fewest[rung] = min(images, self._fewest.get(rung, images))

    def take(self, trial: TrialRecord) -> None:
        """The trial has ended, or is still on its way."""
        code = stop_code(trial)
        if code:
            self._codes[code] += 1
        if trial.state == "pruned" and trial.phase == "race" and trial.last is not None:
            self._pruned[trial.last.rung] += 1

    @property
    def codes(self) -> dict[str, int]:
        """How many trials were stopped, by :func:`stop_code`, the most frequent first."""
        return dict(self._codes.most_common())

    @property
    def pruned_at(self) -> dict[int, int]:
        """How many the race stopped, by the images of the rung, ascending."""
        return {self._fewest[rung]: count for rung, count in sorted(self._pruned.items())}
