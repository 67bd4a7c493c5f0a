"""From the statistics of many steps to the numbers of one report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from animesearch.metrics.signals import Signals
from animesearch.trainers.report import Confusion, finite
from animesearch.trainers.step import StepStats

COLUMNS = ("images", *StepStats._fields)


class TickRecorder:
    """Gathers the steps since the last report on the device; one transfer per report."""

    def __init__(self) -> None:
        self._images: list[int] = []
        self._steps: list[Tensor] = []
        self._before = np.empty((0, len(COLUMNS)))

    def add(self, images: int, stats: StepStats) -> None:
        """A step's statistics, with the images shown after it."""
        self._images.append(images)
        self._steps.append(torch.stack(stats))

    def rows(self) -> npt.NDArray[np.float64]:
        """All steps (N, columns of :data:`COLUMNS`); the recorder is empty afterwards."""
        found = self._before
        if self._steps:
            steps = torch.stack(self._steps).cpu().double().numpy()
            images = np.array(self._images, np.float64)[:, None]
            found = np.concatenate([found, np.concatenate([images, steps], 1)])
        self._images, self._steps, self._before = [], [], found[:0]
        return found

    def load(self, rows_NC: npt.NDArray[np.float64]) -> None:
        """Begin with the steps of a process that left between two reports."""
        self._before = rows_NC


def means(rows_NC: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean of each column of :data:`COLUMNS`; NaN or infinite where a step was."""
    return dict(zip(COLUMNS, map(float, rows_NC.mean(0)), strict=True))


def confusion(mean: Mapping[str, float], images: int) -> Confusion | None:
    """D's confusion matrix over ``images`` reals and as many fakes; None without a threshold."""
    if math.isnan(mean["real_right"]):
        return None
    real, fake = round(mean["real_right"] * images), round(mean["fake_right"] * images)
    return Confusion(real, images - real, images - fake, fake)


def relative_change(before: list[Tensor], after: list[Tensor]) -> float:
    """``|after - before| / |before|`` over all tensors as one vector."""
    moved = nn.utils.get_total_norm([b - a for a, b in zip(before, after, strict=True)])
    return float(moved / nn.utils.get_total_norm(before))


def signals(images: int, mean: Mapping[str, float], adversarial: bool, **measured: Any) -> Signals:
    """The statistics that a verdict is read from; ``measured`` are the fields not in ``mean``.

    Without a discriminator (``adversarial`` False) its statistics are None.
    """
    return Signals(
        images=images,
        loss_g=mean["loss_g"],
        loss_d=mean["loss_d"] if adversarial else None,
        real_logit_mean=mean["real_logit"] if adversarial else None,
        fake_logit_mean=mean["fake_logit"] if adversarial else None,
        grad_norm_g=mean["grad_norm_g"],
        grad_norm_d=mean["grad_norm_d"],
        **measured,
    )


def reported(mean: Mapping[str, float]) -> dict[str, Any]:
    """The means that a report tells, None where not finite."""
    names = ("loss_d", "loss_g", "real_score", "fake_score", "grad_norm_d", "grad_norm_g")
    return {name: finite(mean[name]) for name in names}
