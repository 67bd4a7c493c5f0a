"""Optuna's trials in memory, of which a sampler sees no more than it can look through each time."""

from __future__ import annotations

import copy
from bisect import insort
from collections.abc import Container
from typing import TypeAlias

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

IDENTITY = "trial_id"
"""Attribute of a study's trial: which of the run it is.  A draw that was thrown away has none."""
BEST = 25
"""TPE's good trials are the best tenth, at most so many."""
Merit: TypeAlias = tuple[int, float, float, int]


class RecentTrials(InMemoryStorage):
    """The study's trials; once there are more than ``window``, a sampler is shown the last so many,
    the best 25 of all time, and those that have not ended.

    What is shown follows from the run's trials alone, whatever was drawn and thrown away between:
    a resumed search asks what an undisturbed one asks.  None shows all, for a sampler that does not
    look at them.
    """

    def __init__(self, window: int | None) -> None:
        super().__init__()
        self._window = window
        self._scanned = 0
        self._own: list[int] = []
        self._left = 0
        self._open: list[int] = []
        self._best: list[Merit] = []

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """As Optuna's, of the trials that are shown."""
        if self._window is None or states == (TrialState.WAITING,):
            return super().get_all_trials(study_id, deepcopy, states)
        shown = self._shown(super().get_all_trials(study_id, deepcopy=False), self._window)
        if states is not None:
            shown = [trial for trial in shown if trial.state in states]
        return copy.deepcopy(shown) if deepcopy else shown

    def everything(self, study_id: int) -> list[FrozenTrial]:
        """All trials of the run."""
        trials = super().get_all_trials(study_id, deepcopy=False)
        return [trial for trial in trials if IDENTITY in trial.user_attrs]

    def _shown(self, trials: list[FrozenTrial], window: int) -> list[FrozenTrial]:
        self._scan(trials)
        left = len(self._own) - window
        if left <= 0:
            return trials
        self._open += self._own[self._left : left]
        self._left = left
        for number in self._open:
            self._judge(trials[number])
        self._open = [number for number in self._open if not trials[number].state.is_finished()]
        older = sorted([*self._open, *(merit[-1] for merit in self._best)])
        return [trials[number] for number in [*older, *self._own[left:]]]

    def _scan(self, trials: list[FrozenTrial]) -> None:
        """Note the run's trials among the new ones, up to one that is being drawn."""
        for trial in trials[self._scanned :]:
            if IDENTITY in trial.user_attrs:
                self._own.append(trial.number)
            elif not trial.state.is_finished():
                return
            self._scanned += 1

    def _judge(self, trial: FrozenTrial) -> None:
        """Keep it where it is among the best, in TPE's order: complete ones by their value, pruned
        ones by how far they came."""
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or trial.value is None:
            return
        merit: Merit = (0, 0.0, trial.value, trial.number)
        if trial.state is TrialState.PRUNED:
            merit = (1, -float(trial.last_step or 0), trial.value, trial.number)
        insort(self._best, merit)
        del self._best[BEST:]
