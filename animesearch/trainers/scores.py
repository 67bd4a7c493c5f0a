"""The scores of a trial's rungs, made at once, or elsewhere while the trial trains on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeAlias

import torch

from animesearch.errors import MetricError, NoSpreadError
from animesearch.metrics.evaluator import Draw, Score
from animesearch.metrics.verdict import Code, Verdict
from animesearch.trainers.report import Report, finite
from animesearch.trainers.trial import Trial


class Pending(Protocol):
    """A score that is being made of images already drawn."""

    def done(self) -> bool:
        """Whether :meth:`result` would not have to wait."""

    def result(self) -> Score:
        """The score, waited for.  Raises :class:`MetricError` for images that have none."""


ScoreFunction: TypeAlias = Callable[[Draw], Score | Pending]
"""Draws all the images that it needs before it returns: the generator trains on then."""


class Scores:
    """Scores the averaged generator of ``trial`` at its rungs; without ``score`` there are none.

    While a score is pending, ticks wait behind its rung, so that reports are told in order.
    ``amend`` writes what came of a rung into its checkpoint.  ``best`` is the lowest so far.
    """

    def __init__(
        self, trial: Trial, score: ScoreFunction | None, amend: Callable[[Report], None]
    ) -> None:
        self._trial, self._score, self._amend = trial, score, amend
        self.best: float | None = None
        self.pending: Pending | None = None
        self._line: list[Report] = []

    def of(self, report: Report) -> Report:
        """The rung's ``report`` with its score, or with the verdict of a generator that has none;
        with neither while the score is pending."""
        score = self._score
        if score is None:
            return report

        def made() -> Score | Pending:
            # A metric that draws random numbers must not move the trial's own stream.
            with torch.random.fork_rng(devices=self._cuda()), torch.no_grad():
                found = score(self._trial.sampler)
            if isinstance(found, Score) or report.images < self._trial.setting.images:
                return found
            return found.result()

        return self._with(report, made)

    def after(self, report: Report, told: list[Report]) -> list[Report]:
        """``told`` and then ``report``, unless that has to wait."""
        if self.pending is None:
            return [*told, replace(report, best=self.best)]
        self._line.append(report)
        return told

    def settled(self, wait: bool) -> list[Report]:
        """The rung whose score was pending and the ticks since, if the score is there or, with
        ``wait``, as soon as it is; nothing comes after a verdict."""
        if self.pending is None or not (wait or self.pending.done()):
            return []
        (rung, *since), self._line = self._line, []
        scored = self._settle(rung)
        return [scored, *(replace(r, best=self.best) for r in since if scored.verdict is None)]

    def again(self, report: Report) -> Report:
        """The score of a rung during which the process before died."""
        scored = self.of(report)
        if scored is report:
            return report
        if self.pending is not None:
            return self._settle(scored)
        self._amend(scored)
        return scored

    def _settle(self, rung: Report) -> Report:
        assert self.pending is not None
        pending, self.pending = self.pending, None
        scored = self._with(rung, pending.result)
        self._amend(scored)
        return scored

    def _with(self, report: Report, made: Callable[[], Score | Pending]) -> Report:
        began = time.perf_counter()
        try:
            result = made()
        except MetricError as error:
            code: Code = "mode-collapse" if isinstance(error, NoSpreadError) else "nonfinite"
            verdict = Verdict(code, f"no score at {report.images} images: {error}")
            return judged(report, verdict)
        seconds = report.metric_seconds + time.perf_counter() - began
        if not isinstance(result, Score):
            self.pending = result
            return replace(report, metric_seconds=seconds)
        scored = replace(report, metric=result.metric, metric_seconds=seconds)
        value = finite(result.value)
        if value is None:
            return judged(scored, Verdict("nonfinite", f"{result.metric} is {result.value}"))
        self.best = value if self.best is None else min(self.best, value)
        return replace(scored, score=value, noise=result.noise, best=self.best)

    def _cuda(self) -> list[torch.device]:
        return [self._trial.device] if self._trial.device.type == "cuda" else []


def judged(report: Report, verdict: Verdict) -> Report:
    """With a verdict; there is no score beside one."""
    return replace(report, score=None, verdict=verdict.code, evidence=verdict.evidence)


def ended(told: list[Report]) -> bool:
    """Whether the last of these reports carries a verdict: the trial's end."""
    return bool(told) and told[-1].verdict is not None
