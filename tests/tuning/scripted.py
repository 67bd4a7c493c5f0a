"""A race without training: a small space, and scores that a formula knows in advance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from animesearch.registry import Options
from animesearch.results.journal import Journal, read_journal
from animesearch.results.records import Event, RunOpened
from animesearch.results.state import RunState, fold
from animesearch.results.views import View
from animesearch.searchspace.space import Space, parse_space
from animesearch.tuning.finals import Finals, FinalsPlan
from animesearch.tuning.race import Race, RacePlan
from animesearch.tuning.rounds import Assignment, Round
from animesearch.tuning.samplers import SamplerSpec, Tpe
from animesearch.tuning.schedulers import SchedulerSpec
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.study import Brain

NOISE = 0.5
"""Standard error of every score: close losers are spared."""
RUNGS = (4000, 8000, 16000, 32000)

SPACE = b"""
trial:
  architecture: {choice: [alpha, beta]}
  lr: {loguniform: [1.0e-4, 1.0e-2]}
  width: {int: [1, 8]}
"""


class ScriptedTrial(Options):
    """Options of a trial that trains nothing."""

    architecture: str
    lr: float = Field(gt=0)
    width: int


class ScriptedSpace(Options):
    """A space of such trials."""

    trial: ScriptedTrial


class SilentView:
    """A view that shows nothing."""

    def __enter__(self) -> SilentView:
        return self

    def __exit__(self, *error: object) -> None: ...

    def event(self, event: Event, state: RunState) -> None: ...

    def tick(self, trial_id: str, metrics: Any) -> None: ...

    def note(self, text: str) -> None: ...

    def stage(self, name: str, done: int, total: int) -> None: ...


def scripted_space(text: bytes = SPACE) -> Space:
    return parse_space(text, "scripted.yaml", ScriptedSpace)


def score_of(config: dict[str, Any], rung: int) -> float:
    """Falls with the rungs; each configuration has its own end and its own pace."""
    end = abs(float(config["lr"]) - 0.002) * 1000 + int(config["width"])
    late = 3.0 if config["architecture"] == "beta" else 1.0
    return 10.0 + end + late * 8.0 / (rung + 1)


def open_race(
    folder: Path,
    trials: int = 12,
    scheduler: SchedulerSpec | None = None,
    sampler: SamplerSpec | None = None,
    seed: int = 0,
    space: Space | None = None,
    *,
    view: View | None = None,
    journal: Journal | None = None,
    clock: Callable[[], float] | None = None,
) -> Race:
    """A race over the journal in ``folder``, new or resumed; ``journal`` writes there."""
    ticks = iter(range(10**9))
    state = fold(read_journal(folder))
    brain = Brain(space or scripted_space(), sampler or Tpe(), seed)
    brain.restore(state, RUNGS)
    journal = journal or Journal(folder)
    opened = RunOpened(at=0.0, session=state.sessions + 1)
    journal.append(opened)
    state.apply(opened)
    return Race(
        RacePlan(RUNGS, trials, seed, scheduler or Asha()),
        brain,
        journal,
        state,
        view or SilentView(),
        clock=clock or (lambda: float(next(ticks))),
    )


def open_finals(folder: Path, plan: FinalsPlan, view: View | None = None) -> Finals:
    """The finals over the journal in ``folder``, whose race is over."""
    ticks = iter(range(10**6, 10**9))
    state = fold(read_journal(folder))
    journal = Journal(folder)
    opened = RunOpened(at=0.0, session=state.sessions + 1)
    journal.append(opened)
    state.apply(opened)
    return Finals(plan, journal, state, view or SilentView(), lambda: float(next(ticks)))


class Workers:
    """``count`` imaginary workers that report in a fixed turn, one rung at a time.

    The order of arrival depends only on what the race handed out, so that an interrupted race
    and an undisturbed one hear the same scores in the same order.
    """

    def __init__(
        self, race: Round, count: int, score: Callable[[dict[str, Any], int], float] = score_of
    ) -> None:
        self.race, self.count, self.score = race, count, score
        self.busy: list[Assignment] = []

    def fill(self) -> None:
        while len(self.busy) < self.count and (assignment := self.race.next()) is not None:
            self.race.started(assignment.trial_id)
            self.busy.append(assignment)

    def step(self) -> bool:
        """One report of the trial that has come least far; False when nothing is left."""
        self.fill()
        if not self.busy:
            return False
        assignment = min(self.busy, key=self._position)
        rung = self._position(assignment)[0]
        metrics = {
            "rung": rung,
            "images": RUNGS[rung],
            "score": self.score(assignment.config, rung),
            "noise": NOISE,
        }
        if not self.race.report(assignment.trial_id, metrics):
            self.race.ended(assignment.trial_id)
            self.busy.remove(assignment)
        return True

    def _position(self, assignment: Assignment) -> tuple[int, str]:
        record = self.race.state.trials[assignment.trial_id]
        return (len(record.rungs), assignment.trial_id)

    def run(self, steps: int | None = None) -> None:
        done = 0
        while (steps is None or done < steps) and self.step():
            done += 1


def outcome(state: RunState) -> list[tuple[Any, ...]]:
    """Everything that a verdict consists of: configurations, kills, their reasons, scores."""
    return [
        (
            trial.trial_id,
            trial.created.config_id,
            trial.created.seed,
            trial.state,
            trial.ended.message if trial.ended else "",
            [(r.rung, r.score) for r in trial.rungs.values()],
        )
        for trial in state.trials.values()
    ]


def arrivals_of(state: RunState) -> Sequence[tuple[str, int]]:
    return [(report.trial_id, report.rung) for report in state.reports]
