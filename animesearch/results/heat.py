"""The scores of a race by two components at a time: architecture by loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from animesearch.results.formats import clean
from animesearch.results.measured import Point
from animesearch.results.state import RunState, TrialRecord

ROWS, COLUMNS = "architecture", "loss"


@dataclass(frozen=True)
class Cell:
    """``n`` trials with a number, the best and the median one, and ``lost`` that collapsed."""

    n: int = 0
    best: float | None = None
    median: float | None = None
    trial: str | None = None
    lost: int = 0
    shade: float | None = None


def heat_map(state: RunState, points: Iterable[Point]) -> dict[str, Any]:
    """``rows`` (architectures), ``columns`` (losses) and their ``cells``; a cell's ``shade`` is the
    place of its best among those of all cells, 0 the best to 1."""
    by_cell: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        trial = state.trials[point.trial_id]
        by_cell.setdefault((component(trial, ROWS), component(trial, COLUMNS)), []).append(point)
    cells = {place: _cell(inside) for place, inside in by_cell.items()}
    rows = sorted({row for row, _ in cells}, key=lambda row: _best_of(cells, 0, row))
    columns = sorted({column for _, column in cells}, key=lambda name: _best_of(cells, 1, name))
    shades = _shades(cells)
    return {
        "rows": rows,
        "columns": columns,
        "cells": [
            [
                {**asdict(cells.get((row, column), Cell())), "shade": shades.get((row, column))}
                for column in columns
            ]
            for row in rows
        ],
    }


def component(trial: TrialRecord, name: str) -> str:
    """The name of a component of the trial: of its configuration, else what was sampled for it."""
    found = trial.config.get(name, trial.params.get(name))
    if isinstance(found, Mapping):
        found = found.get("name")
    return "none" if found is None else clean(found)


def _cell(points: list[Point]) -> Cell:
    scored = [(point.score, point.trial_id) for point in points if point.score is not None]
    lost = sum(point.lost for point in points)
    if not scored:
        return Cell(lost=lost)
    best, trial = min(scored)
    return Cell(len(scored), best, 2 * median(score / 2 for score, _ in scored), trial, lost)


def _best_of(
    cells: Mapping[tuple[str, str], Cell], side: int, name: str
) -> tuple[bool, float, str]:
    """Those with the best cell come first."""
    bests = [cell.best for place, cell in cells.items() if place[side] == name]
    known = [best for best in bests if best is not None]
    return (not known, min(known, default=0.0), name)


def _shades(cells: Mapping[tuple[str, str], Cell]) -> dict[tuple[str, str], float]:
    bests = {place: cell.best for place, cell in cells.items() if cell.best is not None}
    if not bests:
        return {}
    half = {place: best / 2 for place, best in bests.items()}  # the difference may overflow
    low, high = min(half.values()), max(half.values())
    return {place: (best - low) / (high - low) if high > low else 0.0
            for place, best in half.items()}  # fmt: skip
