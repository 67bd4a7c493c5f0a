"""A run's space as a page or a report shows it: figures, importance, heat map, rungs, spending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from animesearch.results.axes import Axis, parameter_axes, percent, score_axis
from animesearch.results.board import finite_scalars
from animesearch.results.figures.drawing import Figure
from animesearch.results.figures.flow import flow
from animesearch.results.figures.parallel import parallel
from animesearch.results.figures.slices import slices
from animesearch.results.formats import clean, duration, kimg, score_text
from animesearch.results.heat import heat_map
from animesearch.results.importance import Importance, importances
from animesearch.results.measured import Point, points
from animesearch.results.ranking import Ranked
from animesearch.results.records import RunInfo
from animesearch.results.rungflow import rung_flow
from animesearch.results.spending import Spending, spending
from animesearch.results.state import RunState


@dataclass(frozen=True)
class SpaceView:
    """Everything that a space shows; ``chosen`` are the trials that figures and numbers are of,
    rungs and spending are of the whole run."""

    chosen: list[Point]
    axes: list[Axis]
    importance: list[Importance]
    parallel: Figure
    slices: list[Figure]
    heat: dict[str, Any]
    rungs: Figure
    spending: Spending


def space_view(
    info: RunInfo, state: RunState, ranking: Sequence[Ranked], rung: int | None = None
) -> SpaceView:
    """The space of the trials in ``ranking``, by their best scores or by those at ``rung``."""
    chosen = points(state, ranking, rung)
    axes = parameter_axes(info, [point.params for point in chosen])
    judged = [(point.params, point.judged) for point in chosen if point.judged is not None]
    scores = score_axis(info.metric, [p.score for p in chosen if p.score is not None])
    found = importances(axes, [params for params, _ in judged], [score for _, score in judged])
    return SpaceView(
        chosen=chosen,
        axes=axes,
        importance=found,
        parallel=parallel(chosen, axes, scores),
        slices=slices(chosen, axes, scores, {one.name: one for one in found}),
        heat=heat_map(state, chosen),
        rungs=flow(rung_flow(info, state)),
        spending=spending(info, state),
    )


def told(view: SpaceView) -> dict[str, Any]:
    """As plain JSON with finite numbers only."""
    return {
        "points": [_point(point, view.axes) for point in view.chosen],
        "parallel": view.parallel.told(),
        "importance": [{**asdict(one), "clear": one.clear} for one in view.importance],
        "slices": [figure.told() for figure in view.slices],
        "heat": view.heat,
        "rungs": view.rungs.told(),
        "spending": asdict(view.spending),
        "spent": spending_words(view.spending),
    }


def _point(point: Point, axes: Sequence[Axis]) -> dict[str, Any]:
    places = {
        axis.name: place
        for axis in axes
        if axis.name in point.params and (place := axis.at(point.params[axis.name])) is not None
    }
    return {
        "trial": point.trial_id,
        "place": point.place,
        "state": point.state,
        "score": point.score,
        "params": finite_scalars(point.params),
        "at": {name: round(place, 4) for name, place in places.items()},
    }


def spending_words(spent: Spending) -> list[str]:
    """What the spending comes to, sentence by sentence."""
    lines = []
    if spent.killed:
        lines.append(f"{percent(spent.killed)} of the images of ended trials of the race went into "
                     "trials that did not run to the end.")  # fmt: skip
    if spent.saved and spent.budget:
        lines.append(
            f"Stopping them early saved {kimg(spent.saved)} of {kimg(spent.budget)} kimg, "
            f"{percent(spent.saved / spent.budget)} of what all to the end would have taken."
        )
    if spent.total.cost is not None and spent.price is not None:
        lines.append(f"At {money(spent.price, spent.currency)} per device-hour the search has cost "
                     f"{money(spent.total.cost, spent.currency)}.")  # fmt: skip
    return lines


def money(amount: float, currency: str) -> str:
    """An amount: ``3.20 EUR``."""
    return f"{amount:,.2f} {currency}".strip()


def spending_rows(spent: Spending) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of spending, the sum last."""
    heads = ["", "trials", "kimg", "device time"]
    heads += ["cost"] if spent.total.cost is not None else []
    rows = [
        [
            group.meaning,
            str(group.trials),
            kimg(group.images),
            "–" if group.seconds is None else duration(group.seconds),
            *([money(group.cost or 0.0, spent.currency)] if len(heads) > 4 else []),
        ]
        for group in [*spent.groups, spent.total]
    ]
    return heads, rows


def heat_words(heat: Mapping[str, Any]) -> str:
    """What the heat map shows: its best cell."""
    cells = [
        (cell["best"], row, column, cell)
        for row, line in zip(heat["rows"], heat["cells"], strict=True)
        for column, cell in zip(heat["columns"], line, strict=True)
        if cell["best"] is not None
    ]
    if not cells:
        return "No trial has a score yet."
    best, row, column, cell = min(cells, key=lambda found: found[:3])
    return f"The best is {clean(row)} with {clean(column)}: {score_text(best)} (n {cell['n']})."
