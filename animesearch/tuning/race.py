"""The race: asks the sampler for configurations, and stops what its scheduler stops.

Nothing here knows Ray.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from animesearch.files import content_id
from animesearch.results.journal import Journal
from animesearch.results.records import Phase, RungReported, TrialCreated
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.views import View
from animesearch.tuning.rounds import Assignment, Round
from animesearch.tuning.samplers import derived_seed
from animesearch.tuning.schedulers import Arrival, Decision, SchedulerSpec
from animesearch.tuning.study import Brain

__all__ = ["PENALTY", "Assignment", "Race", "RacePlan", "decide", "replay"]

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


class Race(Round):
    """All decisions of a search up to its finalists."""

    phase: ClassVar[Phase] = "race"

    def __init__(
        self,
        plan: RacePlan,
        brain: Brain,
        journal: Journal,
        state: RunState,
        view: View,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(plan.rungs, journal, state, view, clock)
        self.plan, self._brain = plan, brain

    @property
    def trials(self) -> int:
        """Configurations in all; an exhausted grid has fewer than were asked for."""
        limit = self._brain.limit
        return self.plan.trials if limit is None else min(limit, self.plan.trials)

    def _create(self) -> TrialRecord:
        racing = self.records
        number = len(racing)
        trial_id = f"t{number:04d}"
        sampled = self._brain.ask(number, trial_id)
        config_id = _config_id(sampled.tree)
        twins = sum(record.created.config_id == config_id for record in racing)
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

    def _decide(self, record: TrialRecord, report: RungReported) -> Decision:
        scheduler = self.plan.scheduler
        if scheduler.engine != "journal":
            return Decision(True, f"decided by {scheduler.name}")
        return decide(scheduler, self.state, self.plan.rungs, record, report)

    def _worth(self, best: float | None) -> float | None:
        worst = self.state.worst_score
        if best is not None or worst is None:
            return best
        return PENALTY * abs(worst)

    def _heard(self, record: TrialRecord, images: int, score: float) -> None:
        self._brain.report(record, images, score)

    def _over(self, record: TrialRecord) -> None:
        self._brain.tell(record)


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
    readings = [*(r for r in record.rungs.values() if r.rung < report.rung), report]
    best = min(readings, key=lambda reading: reading.score)
    noise = best.metrics.get("noise")
    created = record.created
    option = str(created.params.get("trial", ""))
    rung = rungs[report.rung]
    return Arrival(
        created.trial_id,
        created.number,
        created.group,
        rung,
        best.score,
        option,
        noise if isinstance(noise, float) else 0.0,
    )


def _config_id(tree: dict[str, Any]) -> str:
    """The same for trials that only their seeds tell apart."""
    if not tree.get("start"):
        return content_id(tree)
    from animesearch.trainers.start import by_content  # needs torch

    return content_id(by_content(tree))


def _family(tree: Mapping[str, Any]) -> str:
    """The name of the architecture of a resolved configuration."""
    architecture = tree.get("architecture")
    name = architecture.get("name") if isinstance(architecture, Mapping) else architecture
    return str(name or "")
