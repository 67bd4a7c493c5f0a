"""Tables of numbers beside the journal (losses, gradients), thinned to what a chart can show."""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]

LARGEST = 200_000_000
"""Bytes of a table: the losses of some million steps."""


@dataclass(frozen=True)
class Series:
    """Columns over the images shown: ``rows_NC``, the first column images; NaN where a cell is
    empty.  ``skipped`` lines could not be read."""

    columns: tuple[str, ...]
    rows_NC: Values
    skipped: int = 0


def read_series(path: Path) -> Series | None:
    """The table; None where there is none.  A last line that is still being written is left out."""
    import numpy as np

    content = _content(path)
    header, _, body = content.partition(b"\n")
    columns = tuple(header.decode("utf-8", "replace").strip().split(","))
    if not content or columns[0] != "images":
        return None
    whole = body[: body.rfind(b"\n") + 1]
    if not whole:
        return Series(columns, np.empty((0, len(columns))))
    try:
        rows_NC = np.loadtxt(io.BytesIO(_filled(whole)), delimiter=",", ndmin=2, comments=None)
    except ValueError:
        return _line_by_line(columns, whole)
    return Series(columns, rows_NC) if rows_NC.shape[1] == len(columns) else None


def _content(path: Path) -> bytes:
    """Of a regular file, never through a link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            whole = stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST
            return file.read() if whole else b""
    except OSError:
        return b""


def _filled(body: bytes) -> bytes:
    """With a word in every empty cell."""
    filled = body.replace(b",,", b",nan,").replace(b",,", b",nan,")
    return filled.replace(b",\n", b",nan\n")


def _line_by_line(columns: tuple[str, ...], body: bytes) -> Series:
    """Where some lines are broken: the others."""
    import numpy as np

    rows, lines = [], body.splitlines()
    for line in lines:
        cells = line.split(b",")
        try:
            row = [float(cell) if cell else float("nan") for cell in cells]
        except ValueError:
            continue
        if len(row) == len(columns):
            rows.append(row)
    return Series(columns, np.array(rows).reshape(-1, len(columns)), len(lines) - len(rows))


def thin(series: Series, most: int = 120) -> dict[str, Any]:
    """The series as plain lists of at most ``most`` points: the mean of each stretch of rows, and
    its least and greatest where several rows fall into one.  Columns without a number are left out.
    """
    import numpy as np

    rows_NC = series.rows_NC
    count = len(rows_NC)
    starts = np.unique(np.linspace(0, count, min(most, count), endpoint=False).astype(int))
    if not count:
        return {"images": [], "columns": {}, "skipped": series.skipped}
    last = np.append(starts[1:], count) - 1
    columns = {
        name: _stretches(rows_NC[:, place], starts)
        for place, name in enumerate(series.columns)
        if place and np.isfinite(rows_NC[:, place]).any()
    }
    images = [int(x) for x in np.nan_to_num(rows_NC[last, 0])]
    return {"images": images, "columns": columns, "skipped": series.skipped}


def _stretches(values_N: Values, starts: NDArray[np.int64]) -> dict[str, list[float | None]]:
    import numpy as np

    known_N = np.isfinite(values_N)
    sums = np.add.reduceat(np.where(known_N, values_N, 0.0), starts)
    counts = np.add.reduceat(known_N.astype(float), starts)
    mean = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    found = {"mean": _plain(mean)}
    if len(starts) < len(values_N):
        low = np.minimum.reduceat(np.where(known_N, values_N, np.inf), starts)
        high = np.maximum.reduceat(np.where(known_N, values_N, -np.inf), starts)
        found |= {"low": _plain(low), "high": _plain(high)}
    return found


def _plain(values_N: Values) -> list[float | None]:
    import numpy as np

    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values_N]
