"""Tune's callback that tells loggers of the trials, as the journal knows them."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial

from animesearch.tuning.bridge import TrialCallback, told, trial_id
from animesearch.tuning.loggers import Listeners, Logging, ToldTrial
from animesearch.tuning.loggers.base import plain
from animesearch.tuning.rounds import Round


class Relay(TrialCallback):
    """Stands behind the callback of the race: what it tells has been journalled."""

    def __init__(self, race: Round, logging: Logging) -> None:
        self._race, self._about = race, logging.about
        self._listeners = Listeners(logging)
        self._trials: dict[str, ToldTrial] = {}

    def __getstate__(self) -> dict[str, object]:
        """Empty: Tune pickles its callbacks, but what these hold belongs to this process."""
        return {}

    def starts(self, trial: Trial) -> None:
        """Once for each trial."""
        name = trial_id(trial)
        if self._about is not None and name not in self._trials:
            self._trials[name] = ToldTrial(self._race.state.trials[name], self._about)
            self._listeners.tell(lambda log: log.start(self._trials[name]))

    def reports(self, trial: Trial, result: dict[str, Any]) -> None:
        """After the decision on it."""
        known, metrics = self._trials.get(trial_id(trial)), told(result)
        images = metrics.get("images")
        if known is not None and isinstance(images, int):
            self._listeners.tell(lambda log: log.report(known, images, plain(metrics)))

    def completes(self, trial: Trial) -> None:
        """The trial ended, or was stopped."""
        self._end(trial)

    def fails(self, trial: Trial) -> None:
        """The trial failed for good."""
        self._end(trial)

    def close(self) -> None:
        """The round is over; what has not ended was interrupted."""
        self._listeners.close()

    def _end(self, trial: Trial) -> None:
        known = self._trials.pop(trial_id(trial), None)
        if known is not None:
            self._listeners.tell(lambda log: log.end(known))
