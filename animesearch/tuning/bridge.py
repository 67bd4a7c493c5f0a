"""A round behind Ray Tune's public interfaces: Searcher, TrialScheduler, Callback.

Tune owns processes and resources; every decision is the round's.  Tune's own snapshot plays no
part: the journal is the truth, so ``save`` and ``restore`` have nothing to keep.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.result import AUTO_RESULT_KEYS
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from animesearch.storage.faults import without_secrets
from animesearch.tuning import leaving
from animesearch.tuning.rounds import Assignment, Round

TUNES_OWN = frozenset(
    {*AUTO_RESULT_KEYS, "done", "experiment_tag", "trial_id", "should_checkpoint"}
)
LOST_WAITING = 5
"""How often in a row a trial may be lost before a process has taken it up."""
DISMISSAL = (
    f"interrupted: trials save what they have trained, for at most {leaving.GRACE_S:.0f} s; "
    "another Ctrl-C ends the search at once"
)
KEY = "assignment"
"""Where a Tune trial's config holds its :class:`Assignment`, as a plain mapping."""


def assignment_config(assignment: Assignment) -> dict[str, Any]:
    """The Tune config of an assignment; plain types, because Tune writes it to its own files."""
    return {
        KEY: {
            "trial_id": assignment.trial_id,
            "seed": assignment.seed,
            "trial": assignment.config,
        }
    }


def told(result: dict[str, Any]) -> dict[str, Any]:
    """What the worker told: Tune adds bookkeeping of its own, the machine's name among it, and a
    run folder is made to be shared."""
    return {
        name: value
        for name, value in result.items()
        if name not in TUNES_OWN and not name.startswith("config/")
    }


def trial_id(trial: Trial) -> str:
    """Our identity of a Tune trial."""
    return str(trial.config[KEY]["trial_id"])


def trial_name(trial: Trial) -> str:
    """For Tune's names of trials and folders; importable, because Tune pickles it."""
    return trial_id(trial)


class RaceSearcher(Searcher):
    """Asks the race for the next trial, at most ``concurrency`` at a time."""

    def __init__(self, race: Round, concurrency: int) -> None:
        super().__init__(metric="score", mode="min")
        self._race, self._concurrency = race, concurrency

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A config, None while there is no room or nothing to hand out, FINISHED at the end.

        Not before: a trial whose process is lost while it waits is handed out again.
        """
        if self._race.over:
            return str(Searcher.FINISHED)
        if self._race.running >= self._concurrency:
            return None
        assignment = self._race.next()
        return None if assignment is None else assignment_config(assignment)

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Whether this searcher keeps to a number by itself: it does, to the same one."""
        return True

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """The race hears of ends from the scheduler, which knows the trial's config."""

    def save(self, checkpoint_path: str) -> None:
        """Tune wants a file to move; the state is in the journal."""
        Path(checkpoint_path).write_text("the journal of the run holds the state\n")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a resumed run folds its journal instead."""


class RaceScheduler(FIFOScheduler):
    """Hands reports to the race and carries its decisions out, in order of submission."""

    _supports_buffered_results = False  # every report gets its own decision

    def __init__(self, race: Round) -> None:
        super().__init__()
        self._race = race
        self._places = count()
        self._place: dict[Trial, int] = {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Note its place in the order of submission."""
        self._place[trial] = next(self._places)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first that waits, looked for among those that have not ended: Tune asks before
        every event, and its own answer looks at all there ever were."""
        live = tune_controller.get_live_trials()
        waiting = (trial for trial in live if trial.status == Trial.PENDING)
        return min(waiting, key=self._place.__getitem__, default=None)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """STOP what the race stops."""
        proceed = self._race.report(trial_id(trial), told(result))
        return str(TrialScheduler.CONTINUE if proceed else TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: Any) -> None:
        """The function returned, or the trial was stopped (and has ended in the race by then)."""
        self._place.pop(trial, None)
        self._race.ended(trial_id(trial))

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Tune calls this before a retry too; the callback hears of the last failure only."""

    def debug_string(self) -> str:
        """For Tune's own status lines."""
        return f"animesearch: {len(self._race.state.trials)} trials"


class TrialCallback(Callback):
    """Tune's callback without what nobody here asks for: all trials there are, and a count."""

    def starts(self, trial: Trial) -> None:
        """A worker takes the trial up, for the first time or again."""

    def reports(self, trial: Trial, result: dict[str, Any]) -> None:
        """A report was decided on."""

    def completes(self, trial: Trial) -> None:
        """The trial's function returned, or the trial was stopped."""

    def restarts(self, trial: Trial) -> None:
        """Tune starts it once more."""

    def fails(self, trial: Trial) -> None:
        """Tune will not start it once more."""

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tune's."""
        self.starts(trial)

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """Tune's."""
        self.reports(trial, result)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tune's."""
        self.completes(trial)

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tune's."""
        self.restarts(trial)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tune's."""
        self.fails(trial)


class Forgetful(TrialCallback):
    """Behind all other callbacks: takes out of a report what they were told.

    Tune keeps the last report of every trial, its configuration once more with it, and of each
    number the highest, the lowest, three means and 15 values: ten times what the journal's state
    takes, for as long as the search lasts.
    """

    def reports(self, trial: Trial, result: dict[str, Any]) -> None:
        """Tune goes on with what is left."""
        for name in (*told(result), "config"):
            result.pop(name, None)


class RaceCallback(TrialCallback):
    """Tells the race of starts, restarts after a lost process included, and of final failures.

    ``retries`` are the restarts in a row: a trial that has come further since has them all again.
    On machines that come and go a long trial loses its process often.
    """

    def __init__(self, race: Round, retries: int) -> None:
        self._race, self._retries = race, retries
        self._furthest: dict[str, int] = {}
        self._training: set[str] = set()
        self._lost: Counter[str] = Counter()
        self._dismissed = False

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """After an interrupt: the trials save what they have, and are not started again."""
        if not self._race.closing:
            return
        if not self._dismissed:
            self._dismissed = True
            leaving.ring()
            self._race.note(DISMISSAL)
        for trial in trials:
            trial.max_failures = trial.num_failures
        if not self._training:
            raise KeyboardInterrupt

    def starts(self, trial: Trial) -> None:
        """See :class:`TrialCallback`."""
        self._training.add(trial_id(trial))
        self._race.started(trial_id(trial))

    def completes(self, trial: Trial) -> None:
        """The race hears of it from the scheduler."""
        self._training.discard(trial_id(trial))

    def reports(self, trial: Trial, result: dict[str, Any]) -> None:
        """A restarted trial first tells again what was known: that is no progress.  One whose
        machine goes fails through no fault of its own."""
        name, images = trial_id(trial), result.get("images")
        if leaving.LEAVING in result:
            trial.max_failures = trial.num_failures + 1 + self._retries
        elif isinstance(images, int) and images > self._furthest.get(name, -1):
            self._furthest[name] = images
            self._lost.pop(name, None)
            trial.max_failures = trial.num_failures + self._retries

    def restarts(self, trial: Trial) -> None:
        """See :class:`TrialCallback`."""
        self._training.discard(trial_id(trial))

    def fails(self, trial: Trial) -> None:
        """Tune has used up its retries, or has lost a process that waited for the trial: one that
        had served another trial before.  Tune takes that for the trial's failure; it is none."""
        name = trial_id(trial)
        self._lost[name] += 1
        if name in self._training or self._lost[name] > LOST_WAITING:
            self._race.ended(name, error=_last_line(trial))
        else:
            self._race.lost(name)
        self._training.discard(name)


def _last_line(trial: Trial) -> str:
    """The last line of the trial's traceback, or what Tune calls the error."""
    file = trial.error_file
    text = Path(file).read_text(errors="replace") if file and Path(file).exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return without_secrets(lines[-1])[:500] if lines else "the trial's process failed"
