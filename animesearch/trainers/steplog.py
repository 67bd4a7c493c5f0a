"""Losses of every step and every epoch, in tables beside the reports."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt


class StepLog:
    """A CSV file with a header, appended to in chunks; not finite numbers are left empty."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, columns

    def size(self) -> int:
        """Bytes written so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Forget what was written after ``size`` bytes: those steps are done again."""
        if self.size() > size:
            os.truncate(self.path, size)

    def append(self, rows_NC: npt.NDArray[np.float64]) -> None:
        """Add rows; the first column, images, is a whole number.

        Where that fails (a full disk) the file is as before, so that it can be repeated.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        before = self.size()
        if before == 0:
            writer.writerow(self.columns)
        for images, *values in rows_NC.tolist():
            writer.writerow([int(images), *map(_cell, values)])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.path.open("a", newline="") as file:
                file.write(text.getvalue())
        except OSError:
            self.cut(before)
            raise


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


class EpochMeans:
    """Means of step statistics over each pass through the data.

    A step belongs to the epoch in which its last image falls.  ``epoch`` is the number of images
    of a pass; with 0 there are no epochs.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._rows: list[list[float]] = []

    def add(self, rows_NC: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Take in steps (N, columns; images first); the epochs that they complete (E, columns).

        The first column of an epoch is the images shown at its last step.
        """
        if not self.epoch:
            return rows_NC[:0]
        self._rows += rows_NC.tolist()
        open_NC = np.array(self._rows).reshape(-1, rows_NC.shape[1])
        number_N = (open_NC[:, 0].astype(np.int64) - 1) // self.epoch
        done = np.unique(number_N[number_N < number_N[-1]])
        if open_NC[-1, 0] % self.epoch == 0:
            done = np.unique(number_N)
        finished = [_epoch_mean(open_NC[number_N == number]) for number in done]
        self._rows = open_NC[~np.isin(number_N, done)].tolist()
        return np.array(finished).reshape(-1, rows_NC.shape[1])

    def state(self) -> list[list[float]]:
        """The steps of the epoch that is not over."""
        return self._rows

    def load(self, state: list[list[float]]) -> None:
        """Take over a :meth:`state`."""
        self._rows = state


def _epoch_mean(rows_NC: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([rows_NC[-1:, 0], rows_NC[:, 1:].mean(0)])
