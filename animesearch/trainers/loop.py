"""The training of one trial, as an iterator of its reports."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from animesearch.errors import DataError, LeavingError, MetricError
from animesearch.metrics.evaluator import Draw, Score
from animesearch.metrics.signals import Signals, diversity
from animesearch.metrics.verdict import Code, Verdict, judge
from animesearch.trainers import ticks
from animesearch.trainers.checkpoint import (
    CheckpointInfo,
    checkpoint_path,
    latest_checkpoint,
    save_checkpoint,
)
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.diary import Diary
from animesearch.trainers.isolation import Isolation
from animesearch.trainers.report import Report, finite
from animesearch.trainers.sampling import grid_image, save_png
from animesearch.trainers.setting import BatchSource, LabelSource, TrialSetting
from animesearch.trainers.start import begin
from animesearch.trainers.together import ALONE, Team
from animesearch.trainers.trial import Trial, pixels

ScoreFunction: TypeAlias = Callable[[Draw], Score]
PROBES = 64
"""Fixed latents whose diversity is watched, and as many reals to compare with."""
FEWEST = 8
"""Reals that the diversity of samples is compared with, at least."""


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
    checkpoint with the report in it is written before the report is yielded.  The iterator ends
    after the full budget or after a report with a verdict; the caller stops it by closing it.

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
    report = run.resume(isolation)
    try:
        while report is None or not run.over(report):
            if report is not None:
                yield report
            with isolation:
                report = run.advance()
            run.keep(report, isolation)
    except (LeavingError, GeneratorExit):
        run.leave(report, isolation)
        raise
    yield report


class _Run:
    """A trial, and what its reports are made of."""

    def __init__(self, trial: Trial, score: ScoreFunction | None) -> None:
        self.trial, self.setting, self.score = trial, trial.setting, score
        self.team = trial.team
        self.recorder = ticks.TickRecorder()
        self.diary = Diary(trial)
        self.history: list[Signals] = []
        self.best: float | None = None
        self.seconds, self.early = 0.0, 0.0
        self.start = 0
        self.weights = self.trial.weights()
        self.probes, self.reference = 0, math.nan

    def over(self, report: Report) -> bool:
        """Whether nothing comes after ``report``."""
        return report.verdict is not None or report.images >= self.setting.images

    # -- training up to the next report --------------------------------------------------------

    def advance(self) -> Report:
        """Train until the next tick or rung."""
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
            if self._leaves():
                raise LeavingError(f"saved at {self.trial.images} images")
            stats = self.trial.iterate()
            self.recorder.add(self.trial.images, stats)

    def _leaves(self) -> bool:
        """Several processes would have to leave at the same step: they keep to their rungs."""
        return self.team.size == 1 and self.setting.leaving()

    def _copies(self) -> dict[str, Iterable[Tensor]]:
        """What every process of the team must have alike."""
        modules = self.trial.modules().items()
        found = {f"weights of the {name}": module.state_dict().values() for name, module in modules}
        return {**found, "random state": [torch.get_rng_state()]}

    def _told(
        self, start: int, rows_NC: npt.NDArray[np.float64], began: float, trained: float
    ) -> Report:
        """Write down the steps since ``start``, which took ``trained`` seconds; the report."""
        self.diary.write(rows_NC)
        report = self._report(start, ticks.means(rows_NC))
        self.seconds += (time.perf_counter() - began) * self.team.size
        speed = (self.trial.images - start) / trained
        return replace(report, images_per_second=finite(speed), device_seconds=self.seconds)

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
            best=self.best,
            d_accuracy=accuracy,
            confusion=confusion,
            weight_change_g=finite(signals.weight_change_g),
            sample_diversity=finite(signals.sample_diversity),
            augment_p=finite(self.trial.game.readings().get("ada_p", math.nan)),
            **ticks.reported(mean),
        )
        if not signals.all_finite():
            names = ", ".join(signals.non_finite_names()) or "a weight"
            return _judged(report, Verdict("nonfinite", f"not finite at {images} images: {names}"))
        verdict = judge(self.history, self.setting.rules)
        if report.rung is not None:
            self._save_grid()
        if verdict is not None:
            return _judged(report, verdict)
        return report if report.rung is None else self._scored(report)

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

    def _scored(self, report: Report) -> Report:
        """With the score, or with the verdict of a generator that has none."""
        if self.score is None:
            return report
        began = time.perf_counter()
        try:
            # A metric that draws random numbers must not move the trial's own stream.
            with torch.random.fork_rng(devices=self._cuda()), torch.no_grad():
                result = self.score(self.trial.sampler)
        except MetricError as error:
            code: Code = "mode-collapse" if report.sample_diversity == 0 else "nonfinite"
            verdict = Verdict(code, f"no score at {report.images} images: {error}")
            return _judged(report, verdict)
        seconds = time.perf_counter() - began
        scored = replace(report, metric=result.metric, metric_seconds=seconds)
        value = finite(result.value)
        if value is None:
            return _judged(scored, Verdict("nonfinite", f"{result.metric} is {result.value}"))
        self.best = value if self.best is None else min(self.best, value)
        return replace(scored, score=value, noise=result.noise, best=self.best)

    def _cuda(self) -> list[torch.device]:
        return [self.trial.device] if self.trial.device.type == "cuda" else []

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

    def leave(self, report: Report | None, isolation: Isolation) -> None:
        """Where the process has to leave: a checkpoint between two reports, the last of which is
        ``report``, if there is none at this point already."""
        images, folder = self.trial.images, self.setting.folder / "checkpoints"
        if not self._leaves() or not images or checkpoint_path(folder, images).exists():
            return
        if self.trial.healthy():
            since = {
                "start": self.start,
                "seconds": self.early,
                "rows": torch.from_numpy(self.recorder.rows()),
                "weights": self.weights,
            }
            state = self._state(report, isolation) | {"since": since}
            self._write(state, CheckpointInfo(images, None, healthy=True))

    def _save(self, report: Report, isolation: Isolation) -> None:
        info = CheckpointInfo(report.images, report.score, healthy=report.verdict is None)
        self._write(self._state(report, isolation), info)

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

    def _write(self, state: dict[str, Any], info: CheckpointInfo) -> None:
        folder = self.setting.folder / "checkpoints"
        self.setting.patience(
            lambda: save_checkpoint(folder, state, info), f"writing a checkpoint to {folder}"
        )

    def resume(self, isolation: Isolation) -> Report | None:
        """Take over the folder's newest checkpoint; its report, or None where there is none."""
        found = self.team.first(lambda: latest_checkpoint(self.setting.folder / "checkpoints"))
        if found is None:
            self.team.first(self.diary.clear)
            self._begin()
            self.probes, self.reference = reference_diversity(first_reals(self._whole_batch))
            return None
        state = found[1]
        self._load(state)
        isolation.state = replace(
            isolation.state, cpu_rng=state["cpu_rng"], device_rng=state["device_rng"]
        )
        return None if state["report"] is None else Report.from_metrics(state["report"])

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
        self.best = Report.from_metrics(state["report"] or {"images": 0}).best
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


def _judged(report: Report, verdict: Verdict) -> Report:
    """With a verdict; there is no score beside one."""
    return replace(report, score=None, verdict=verdict.code, evidence=verdict.evidence)


def first_reals(data: BatchSource) -> npt.NDArray[np.uint8]:
    """The first batch; where it alone has fewer than :data:`FEWEST` images, those after it too."""
    batches = [data(0)]
    while (images := sum(map(len, batches))) < FEWEST:
        batches.append(data(images))
    return np.concatenate(batches)


def reference_diversity(x_BCHW: npt.NDArray[np.uint8]) -> tuple[int, float]:
    """How many samples to probe, at most :data:`PROBES`, and the diversity of as many reals.

    Repeated images count once: ``x_BCHW`` may be more than the data.  Raises :class:`DataError` for
    fewer than two different images.
    """
    _, first = np.unique(x_BCHW.reshape(len(x_BCHW), -1), axis=0, return_index=True)
    if len(first) < 2:
        raise DataError(f"all of the first {len(x_BCHW)} real images are the same")
    reals_BCHW = pixels(x_BCHW[np.sort(first)[:PROBES]])
    return len(reals_BCHW), diversity(reals_BCHW)
