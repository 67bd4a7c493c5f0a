"""After the race: the best configurations are trained again from new seeds.

One run of a configuration says little, and the run that won the race was chosen for its luck as
well.  The sampler hears nothing of these trials: they would be the same questions asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from animesearch.results.configurations import race_order
from animesearch.results.journal import Journal
from animesearch.results.records import Phase, RungReported, Scalar, TrialCreated
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.views import View
from animesearch.tuning.prepare import Search, trial_count
from animesearch.tuning.rounds import Round
from animesearch.tuning.samplers import derived_seed
from animesearch.tuning.schedulers import Decision

STAGE = "training the best again from new seeds (images)"


@dataclass(frozen=True)
class FinalsPlan:
    """What is fixed in the finals: rungs in images (the last is the budget), seed of the run, how
    many of the best configurations, and from how many new seeds each."""

    rungs: tuple[int, ...]
    seed: int
    top: int
    seeds: int


@dataclass(frozen=True)
class Replica:
    """One more training of a configuration: the race's best trial of it, and which seed."""

    model: TrialCreated
    member: int
    seed: int

    @property
    def trial_id(self) -> str:
        return f"{self.model.trial_id}-s{self.member}"


def planned_finals(search: Search) -> int:
    """How many final runs a search will have; fewer where fewer configurations end well."""
    options, size = search.config.search.final, search.space.size()
    distinct = trial_count(search) if search.space.distributions else 1
    return min(options.top, distinct, distinct if size is None else size) * options.seeds


def replicas(state: RunState, plan: FinalsPlan) -> list[Replica]:
    """The trials of the finals, the best configuration's first; the same of the same race.

    Seed by seed rather than configuration by configuration: finals that are stopped half way
    leave each configuration with as many runs as the others.
    """
    chosen = [trial.created for trial in race_order(state)[: plan.top]]
    return [
        Replica(model, member, derived_seed(plan.seed, model.config_id, "final", member))
        for member in range(plan.seeds)
        for model in chosen
    ]


class Finals(Round):
    """Trains :func:`replicas` to the full budget; a verdict of collapse still ends one.

    Its race must be over.  Progress is told to the view as a stage, in images of the budget.
    """

    phase: ClassVar[Phase] = "final"

    def __init__(
        self,
        plan: FinalsPlan,
        journal: Journal,
        state: RunState,
        view: View,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(plan.rungs, journal, state, view, clock)
        planned = replicas(state, plan)
        self._new = [one for one in planned if one.trial_id not in state.trials]
        self._trials = len(self.records) + len(self._new)
        self._images: dict[str, int] = {}
        if not self.complete:
            self._tell()

    @property
    def trials(self) -> int:
        """Planned ones, and those of an earlier session's plan."""
        return self._trials

    def report(self, trial_id: str, metrics: Mapping[str, Scalar]) -> bool:
        """As for the race; what was trained so far is told to the view."""
        images = metrics.get("images")
        if isinstance(images, int):
            self._images[trial_id] = images
        proceed = super().report(trial_id, metrics)
        self._tell()
        return proceed

    def ended(self, trial_id: str, error: str = "") -> None:
        """As for the race."""
        super().ended(trial_id, error)
        self._tell()

    def _create(self) -> TrialRecord:
        replica = self._new.pop(0)
        changed = {
            "at": self._clock(),
            "trial_id": replica.trial_id,
            "number": len(self.state.trials),
            "seed": replica.seed,
            "phase": self.phase,
            "member": replica.member,
        }
        self._append(replica.model.model_copy(update=changed))
        return self.state.trials[replica.trial_id]

    def _decide(self, record: TrialRecord, report: RungReported) -> Decision:
        return Decision(True, "a final run is trained to the end")

    def _tell(self) -> None:
        budget = self.rungs[-1]
        trained = (
            budget
            if record.done
            else min(budget, max(record.images, self._images.get(record.trial_id, 0)))
            for record in self.records
        )
        done, total = sum(trained), self.trials * budget
        over = self.complete
        self._view.stage(STAGE, total if over else min(done, total - 1), total)
