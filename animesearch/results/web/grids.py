"""Which sample grids a run has: found by looking, again only where a folder changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

SUFFIX = ".png"


@dataclass(frozen=True)
class Grid:
    """A sample grid: the images shown when it was drawn, its path in the run folder, and a number
    that changes with its content."""

    images: int
    path: str
    version: int

    @property
    def address(self) -> str:
        """Relative to the run's files, and new whenever the content is."""
        return f"{self.path}?v={self.version:x}"


Grids: TypeAlias = Mapping[str, tuple[Grid, ...]]
"""By trial, the earliest first."""


class GridIndex:
    """The grids below ``trials``; for one thread at a time."""

    def __init__(self, trials: Path) -> None:
        self._trials = trials
        self._known: dict[str, tuple[int, tuple[Grid, ...]]] = {}

    def changed(self) -> bool:
        """Whether a grid came since :meth:`read`: some are drawn a moment before their report."""
        return any(self._changed_at(trial) != at for trial, (at, _) in self._known.items())

    def read(self, trials: Iterable[str]) -> Grids:
        """The grids of these trials."""
        for trial in trials:
            at = self._changed_at(trial)
            if self._known.get(trial, (-1, ()))[0] != at:
                self._known[trial] = (at, _grids(self._trials / trial / "grids", trial))
        return {trial: grids for trial, (_, grids) in self._known.items()}

    def _changed_at(self, trial: str) -> int:
        try:
            return (self._trials / trial / "grids").stat().st_mtime_ns
        except OSError:
            return 0


def _grids(folder: Path, trial: str) -> tuple[Grid, ...]:
    try:
        with os.scandir(folder) as entries:
            found = [_grid(entry, trial) for entry in entries if _is_grid(entry)]
    except OSError:
        return ()
    return tuple(sorted(found, key=lambda grid: grid.images))


def _is_grid(entry: os.DirEntry[str]) -> bool:
    stem = entry.name.removesuffix(SUFFIX)
    numbered = stem != entry.name and stem.isascii() and stem.isdecimal()
    return numbered and entry.is_file(follow_symlinks=False)


def _grid(entry: os.DirEntry[str], trial: str) -> Grid:
    path = f"trials/{trial}/grids/{entry.name}"
    return Grid(int(entry.name.removesuffix(SUFFIX)), path, entry.stat().st_mtime_ns)
