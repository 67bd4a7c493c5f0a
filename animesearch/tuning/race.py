"""The race: asks the sampler for configurations, and stops what its scheduler stops.

Nothing here knows Ray.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
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

__all__ = ["PENALTY", "Assignment", "Race", "RacePlan", "replay"]

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
        self._twins = Counter(record.created.config_id for record in self.records)
        self._worst = state.worst_score
        self._standings = _Replayed(plan.scheduler, state, plan.rungs)
        if plan.scheduler.engine == "journal":
            for report in state.reports:
                self._standings.decide(report)

    @property
    def trials(self) -> int:
        """Configurations in all; an exhausted grid has fewer than were asked for."""
        limit = self._brain.limit
        return self.plan.trials if limit is None else min(limit, self.plan.trials)

    def _create(self) -> TrialRecord:
        number = self.created
        trial_id = f"t{number:04d}"
        sampled = self._brain.ask(number, trial_id)
        config_id = _config_id(sampled.tree)
        self._append(
            TrialCreated(
                at=self._clock(),
                trial_id=trial_id,
                number=number,
                config_id=config_id,
                seed=derived_seed(self.plan.seed, config_id, self._twins[config_id]),
                group=_family(sampled.tree),
                params=dict(sampled.params),
                config=sampled.tree,
            )
        )
        self._twins[config_id] += 1
        return self.state.trials[trial_id]

    def _decide(self, record: TrialRecord, report: RungReported) -> Decision:
        scheduler = self.plan.scheduler
        if scheduler.engine != "journal":
            return Decision(True, f"decided by {scheduler.name}")
        return self._standings.decide(report)

    def _worth(self, best: float | None) -> float | None:
        if best is not None or self._worst is None:
            return best
        return PENALTY * abs(self._worst)

    def _heard(self, record: TrialRecord, images: int, score: float) -> None:
        self._worst = score if self._worst is None else max(self._worst, score)
        self._brain.report(record, images, score)

    def _over(self, record: TrialRecord) -> None:
        self._brain.tell(record)


class _Replayed:
    """A scheduler's decisions on the reports of a race, each report told once, in its order."""

    def __init__(self, scheduler: SchedulerSpec, state: RunState, rungs: tuple[int, ...]) -> None:
        self._trials, self._rungs = state.trials, rungs
        self._standings = scheduler.standings(rungs)
        self._earlier: defaultdict[str, list[RungReported]] = defaultdict(list)

    def decide(self, report: RungReported) -> Decision:
        """The decision on ``report``, given everything that arrived before it."""
        earlier = self._earlier[report.trial_id]
        readings = [*(one for one in earlier if one.rung < report.rung), report]
        earlier.append(report)
        created = self._trials[report.trial_id].created
        return self._standings.arrive(_arrival(created, readings, self._rungs[report.rung]))


def replay(scheduler: SchedulerSpec, state: RunState, rungs: tuple[int, ...]) -> list[str]:
    """Decisions that the scheduler would make otherwise today; empty if all agree.

    Proof that a ranking follows from its journal: the scores in their order give the same
    decisions again.
    """
    replayed = _Replayed(scheduler, state, rungs)
    differing = []
    for report in state.reports:
        now = replayed.decide(report)
        then = state.trials[report.trial_id].decisions.get(report.rung)
        if then is not None and now.proceed != (then.action == "continue"):
            differing.append(f"{report.trial_id} rung {report.rung}: was {then.action}, {now.why}")
    return differing


def _arrival(created: TrialCreated, readings: Sequence[RungReported], rung: int) -> Arrival:
    """The trial at ``rung`` images, with the best of its ``readings`` up to there."""
    best = min(readings, key=lambda reading: reading.score)
    noise = best.metrics.get("noise")
    return Arrival(
        created.trial_id,
        created.number,
        created.group,
        rung,
        best.score,
        str(created.params.get("trial", "")),
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
