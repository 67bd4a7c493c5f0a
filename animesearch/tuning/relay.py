"""Tune's callback that tells loggers of the trials, as the journal knows them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from animesearch.results.formats import clean
from animesearch.tuning.bridge import told, trial_id
from animesearch.tuning.loggers import LoggerSpec, Logging, ToldTrial, TrialLog
from animesearch.tuning.loggers.base import plain
from animesearch.tuning.rounds import Round
from animesearch.tuning.storageurl import hidden


class Relay(Callback):
    """Stands behind the callback of the race: what it tells has been journalled.

    A logger that fails is left out from then on, and the person is told once: a search is not lost
    to a server that is away.
    """

    def __init__(self, race: Round, logging: Logging) -> None:
        self._race, self._note = race, logging.note
        self._about = logging.about
        self._trials: dict[str, ToldTrial] = {}
        self._logs: dict[str, TrialLog] = {}
        for spec in logging.specs:
            self._try(spec.name, partial(self._open, spec))

    def __getstate__(self) -> dict[str, object]:
        """Empty: Tune pickles its callbacks, but what these hold belongs to this process."""
        return {}

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tune calls this again when a trial is restarted."""
        name = trial_id(trial)
        if self._about is not None and name not in self._trials:
            self._trials[name] = ToldTrial(self._race.state.trials[name], self._about)
            self._each(lambda log: log.start(self._trials[name]))

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """After the decision on it."""
        known, metrics = self._trials.get(trial_id(trial)), told(result)
        images = metrics.get("images")
        if known is not None and isinstance(images, int):
            self._each(lambda log: log.report(known, images, plain(metrics)))

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """The trial ended, or was stopped."""
        self._end(trial)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """The trial failed for good."""
        self._end(trial)

    def close(self) -> None:
        """The round is over; what has not ended was interrupted."""
        self._each(lambda log: log.close())
        self._logs.clear()

    def _end(self, trial: Trial) -> None:
        known = self._trials.pop(trial_id(trial), None)
        if known is not None:
            self._each(lambda log: log.end(known))

    def _open(self, spec: LoggerSpec) -> None:
        if self._about is not None:
            self._logs[spec.name] = spec.build(self._about)

    def _each(self, call: Callable[[TrialLog], None]) -> None:
        for name, log in list(self._logs.items()):
            self._try(name, partial(call, log))

    def _try(self, name: str, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - another tool's, of whatever kind
            self._logs.pop(name, None)
            first = (hidden(str(error)).splitlines() or [type(error).__name__])[0]
            self._note(f"logger {name} is left out from now on: {clean(first)[:300]}")
