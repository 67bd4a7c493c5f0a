"""The training of one trial, as an iterator of its reports."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from animesearch.errors import LeavingError, MetricError
from animesearch.metrics.signals import Signals, diversity
from animesearch.metrics.verdict import Verdict, judge
from animesearch.trainers import ticks
from animesearch.trainers.checkpoint import (
    CheckpointInfo,
    checkpoint_path,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.diary import Diary
from animesearch.trainers.isolation import Isolation
from animesearch.trainers.reference import first_reals, reference_diversity
from animesearch.trainers.report import Report, finite
from animesearch.trainers.sampling import grid_image, save_png
from animesearch.trainers.scores import ScoreFunction, Scores, ended, judged
from animesearch.trainers.setting import BatchSource, LabelSource, TrialSetting
from animesearch.trainers.start import begin
from animesearch.trainers.together import ALONE, Team
from animesearch.trainers.trial import Trial, pixels


def train(
    config: TrialConfig,
    setting: TrialSetting,
    data: BatchSource,
    score: ScoreFunction | None = None,
    labels: LabelSource | None = None,
    team: Team = ALONE,
) -> Generator[Report, None, None]:
    """Train one trial; yields a :class:`Report` at each tick and each rung.

    At a rung the averaged generator is scored at full size (``score(draw)``, where
    ``draw(start, count)`` gives uint8 images of numbered latents), its grid is saved, and a
    checkpoint with the report in it is written before the report is yielded.  Where ``score`` gives
    a :class:`~animesearch.trainers.scores.Pending` one, the trial trains on, its ticks are yielded
    after that rung, and it waits at the next rung if it has to.  The iterator ends after the full
    budget or after a report with a verdict; the caller stops it by closing it.

    ``labels`` are those of the batches of ``data``, where the setting has classes.  A trial whose
    folder holds a checkpoint goes on from there and first yields that report
    again; the weights come out as those of an undisturbed trial.  Nothing not finite is ever
    reported: what is not finite gives the verdict ``nonfinite``.  Between two reports torch's
    random state, threads and default type are the caller's.  Where ``setting.leaving`` says so, a
    checkpoint is written between two steps and :class:`LeavingError` raised.

    Every process of ``team`` calls this with its rows of the batches (``data``, ``labels``); the
    reports are the same in all of them, one scores and writes.

    Raises :class:`UnsupportedError` where the architecture has no such images or rungs are
    closer than a step, :class:`DataError` where the real images are all the same,
    :class:`CheckpointError` where the folder's checkpoint is of another trial.
    """
    isolation = Isolation(setting.seed, setting.device, setting.threads)
    with isolation:
        run = _Run(Trial(config, setting, data, labels, team), score)
    told = run.resume(isolation)
    try:
        while not (told and run.over(told[-1])):
            yield from told
            told = run.advance(isolation)
    except LeavingError:
        run.team.first(lambda: run.leave(told, isolation))
        raise
    except GeneratorExit:
        # Several processes are not closed at the same report: none could ask the others.
        if run.team.size == 1 and setting.leaving():
            run.leave(told, isolation)
        raise
    yield from told


class _Run:
    """A trial, and what its reports are made of."""

    def __init__(self, trial: Trial, score: ScoreFunction | None) -> None:
        self.trial, self.setting = trial, trial.setting
        self.scores = Scores(trial, score, self._amend)
        self.team = trial.team
        self.recorder = ticks.TickRecorder()
        self.diary = Diary(trial)
        self.history: list[Signals] = []
        self.seconds, self.early = 0.0, 0.0
        self.start = 0
        self.weights = self.trial.weights()
        self.probes, self.reference = 0, math.nan

    def over(self, report: Report) -> bool:
        """Whether nothing comes after ``report``."""
        return report.verdict is not None or report.images >= self.setting.images

    # -- training up to the next report --------------------------------------------------------

    def advance(self, isolation: Isolation) -> list[Report]:
        """Train until the next tick or rung; the reports that can be told now, in order."""
        with isolation:
            fresh, told = self._advance()
        if fresh is not None:
            self.keep(fresh, isolation)
        return told

    def _advance(self) -> tuple[Report | None, list[Report]]:
        began, start = time.perf_counter() - self.early, self.start
        try:
            self._train_until(self.setting.next_stop(start))
        except LeavingError:
            self.early = time.perf_counter() - began
            raise
        rows = self.recorder.rows()
        trained = time.perf_counter() - began
        self.trial.set_progress()
        if self._rung(start) is not None:
            self.team.compare(self._copies)
        self.start, self.early = self.trial.images, 0.0
        return self.team.first(lambda: self._told(start, rows, began, trained))

    def _train_until(self, stop: int) -> None:
        while self.trial.images < stop:
            if self.team.any(self.setting.leaving()):
                raise LeavingError(f"saved at {self.trial.images} images")
            stats = self.trial.iterate()
            self.recorder.add(self.trial.images, stats)

    def _copies(self) -> dict[str, Iterable[Tensor]]:
        """What every process of the team must have alike."""
        modules = self.trial.modules().items()
        found = {f"weights of the {name}": module.state_dict().values() for name, module in modules}
        return {**found, "random state": [torch.get_rng_state()]}

    def _told(
        self, start: int, rows_NC: npt.NDArray[np.float64], began: float, trained: float
    ) -> tuple[Report | None, list[Report]]:
        """Write down the steps since ``start``, which took ``trained`` seconds; their report,
        unless the trial ended before, and all that can be told now."""
        self.diary.write(rows_NC)
        told = self.scores.settled(wait=self._rung(start) is not None)
        if not ended(told):
            report = self._report(start, ticks.means(rows_NC))
            if report.verdict is not None:
                told += self.scores.settled(wait=True)
        self.seconds += (time.perf_counter() - began) * self.team.size
        if ended(told):
            return None, told
        speed = (self.trial.images - start) / trained
        report = replace(report, images_per_second=finite(speed), device_seconds=self.seconds)
        return report, self.scores.after(report, told)

    # -- making the report ---------------------------------------------------------------------

    def _report(self, start: int, mean: dict[str, float]) -> Report:
        images = self.trial.images
        confusion = ticks.confusion(mean, images - start)
        accuracy = None if confusion is None else confusion.accuracy
        signals = self._signals(mean, accuracy)
        self.history.append(signals)
        report = Report(
            images=images,
            rung=self._rung(start),
            best=self.scores.best,
            d_accuracy=accuracy,
            confusion=confusion,
            weight_change_g=finite(signals.weight_change_g),
            sample_diversity=finite(signals.sample_diversity),
            augment_p=finite(self.trial.game.readings().get("ada_p", math.nan)),
            **ticks.reported(mean),
        )
        if not signals.all_finite():
            names = ", ".join(signals.non_finite_names()) or "a weight"
            return judged(report, Verdict("nonfinite", f"not finite at {images} images: {names}"))
        verdict = judge(self.history, self.setting.rules)
        if report.rung is not None:
            self._save_grid()
        if verdict is not None:
            return judged(report, verdict)
        return report if report.rung is None else self.scores.of(report)

    def _rung(self, start: int) -> int | None:
        """Index of the rung reached since ``start``."""
        before, now = self.setting.passed(start), self.setting.passed(self.trial.images)
        return now - 1 if now > before else None

    def _signals(self, mean: dict[str, float], accuracy: float | None) -> Signals:
        weights = self.trial.weights()
        change = ticks.relative_change(self.weights, weights)
        self.weights = weights
        return ticks.signals(
            self.trial.images,
            mean,
            adversarial=self.trial.config.architecture.kind == "adversarial",
            d_accuracy=accuracy,
            weight_change_g=change,
            sample_diversity=self._diversity(),
            finite=self.trial.healthy(),
        )

    def _diversity(self) -> float:
        """Of the averaged generator's fixed samples, relative to as many reals."""
        try:
            return diversity(self.trial.sampler(0, self.probes)) / self.reference
        except MetricError:
            return math.nan

    def _save_grid(self) -> None:
        rows, columns = self.setting.grid
        x_NCHW = self.trial.sampler(0, rows * columns).cpu().numpy()
        path = self.setting.folder / "grids" / f"{self.trial.images:09d}.png"
        grid = grid_image(x_NCHW, columns)
        self.setting.patience(lambda: save_png(grid, path), f"writing {path}")

    # -- checkpoints ---------------------------------------------------------------------------

    def keep(self, report: Report, isolation: Isolation) -> None:
        """Write a checkpoint of a rung; never one of weights that are not finite."""
        if report.rung is not None and report.verdict != "nonfinite":
            self.team.first(lambda: self._save(report, isolation))

    def leave(self, told: list[Report], isolation: Isolation) -> None:
        """Where the process has to leave: a checkpoint between two reports, after those ``told``
        last, if there is none at this point already.

        A score that is still pending is not waited for: the trial goes on from its rung.
        """
        images, folder = self.trial.images, self.setting.folder / "checkpoints"
        if not images or checkpoint_path(folder, images).exists():
            return
        told = self.scores.settled(wait=False) or told
        if self.scores.pending is not None or ended(told):
            return
        if self.trial.healthy():
            since = {
                "start": self.start,
                "seconds": self.early,
                "rows": torch.from_numpy(self.recorder.rows()),
                "weights": self.weights,
            }
            untold = [report.as_metrics() for report in told[:-1]]
            state = self._state(told[-1] if told else None, isolation)
            state |= {"since": since, "untold": untold}
            self._write(state, CheckpointInfo(images, None, healthy=True))

    def _save(self, report: Report, isolation: Isolation) -> None:
        self._write(self._state(report, isolation), _info(report))

    def _state(self, report: Report | None, isolation: Isolation) -> dict[str, Any]:
        return self.trial.state() | {
            "report": None if report is None else report.as_metrics(),
            "history": [vars(signals) for signals in self.history],
            "seconds": self.seconds,
            "probes": self.probes,
            "reference": self.reference,
            "diary": self.diary.state(),
            "cpu_rng": isolation.state.cpu_rng,
            "device_rng": isolation.state.device_rng,
        }

    def _amend(self, report: Report) -> None:
        """Write what came of the rung's score into its checkpoint."""
        path = checkpoint_path(self.setting.folder / "checkpoints", report.images)
        if report.verdict == "nonfinite":
            path.unlink(missing_ok=True)
            return
        state = load_checkpoint(path) | {"report": report.as_metrics()}
        self._write(state, _info(report))

    def _write(self, state: dict[str, Any], info: CheckpointInfo) -> None:
        folder = self.setting.folder / "checkpoints"
        self.setting.patience(
            lambda: save_checkpoint(folder, state, info), f"writing a checkpoint to {folder}"
        )

    def resume(self, isolation: Isolation) -> list[Report]:
        """Take over the folder's newest checkpoint; its report, after any that nobody has heard."""
        folder, say = self.setting.folder / "checkpoints", self.setting.patience.tell
        found = self.team.first(lambda: latest_checkpoint(folder, say))
        if found is None:
            self.team.first(self.diary.clear)
            self._begin()
            self.probes, self.reference = reference_diversity(first_reals(self._whole_batch))
            return []
        state = found[1]
        self._load(state)
        isolation.state = replace(
            isolation.state, cpu_rng=state["cpu_rng"], device_rng=state["device_rng"]
        )
        metrics = [*state.get("untold", ()), state["report"] or {}]
        told = [Report.from_metrics(one) for one in metrics if one]
        if not (told and _unscored(told[-1])):
            return told
        with isolation:
            return [self.team.first(lambda: self.scores.again(told[-1]))]

    def _begin(self) -> None:
        """The weights of an earlier run, where the configuration asks for them."""
        if self.trial.config.start is not None:
            states = self.team.first(self._begun)
            for name, module in self.trial.modules().items():
                module.load_state_dict(states[name])
            self.weights = self.trial.weights()

    def _begun(self) -> dict[str, dict[str, Tensor]]:
        assert self.trial.config.start is not None
        begin(self.trial, self.trial.config.start)
        return {name: module.state_dict() for name, module in self.trial.modules().items()}

    def _whole_batch(self, images: int) -> npt.NDArray[np.uint8]:
        return self.team.whole(pixels(self.trial.data(images))).numpy()

    def _load(self, state: dict[str, Any]) -> None:
        self.trial.load(state)
        self.weights = self.trial.weights()
        self.history = [Signals(**values) for values in state["history"]]
        self.scores.best = Report.from_metrics(state["report"] or {"images": 0}).best
        self.seconds = state["seconds"]
        self.probes, self.reference = state["probes"], state["reference"]
        self.team.first(lambda: self.diary.load(state["diary"]))
        self.start = self.trial.images
        if "since" in state:
            self._load_since(state["since"])

    def _load_since(self, since: dict[str, Any]) -> None:
        """The process before left between two reports."""
        self.start, self.early = since["start"], since["seconds"]
        self.recorder.load(since["rows"].numpy())
        self.weights = [weight.to(self.trial.device) for weight in since["weights"]]


def _unscored(report: Report) -> bool:
    return report.rung is not None and report.score is None and report.verdict is None


def _info(report: Report) -> CheckpointInfo:
    return CheckpointInfo(report.images, report.score, healthy=report.verdict is None)
