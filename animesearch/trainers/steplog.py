"""Losses of every step, in a table beside the reports."""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt


class StepLog:
    """A CSV file with a header, appended to in chunks; not finite numbers are left empty."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path, self.columns = path, columns

    def size(self) -> int:
        """Bytes written so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Forget what was written after ``size`` bytes: those steps are done again."""
        if self.size() > size:
            os.truncate(self.path, size)

    def append(self, rows_NC: npt.NDArray[np.float64]) -> None:
        """Add rows; the first column, images, is a whole number."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self.size() == 0:
            writer.writerow(self.columns)
        for images, *values in rows_NC.tolist():
            writer.writerow([int(images), *map(_cell, values)])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="") as file:
            file.write(text.getvalue())


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
