"""Parallel coordinates: a line for each trial through its parameters to its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from animesearch.results.axes import Axis
from animesearch.results.figures.drawing import (
    LETTER,
    Figure,
    Shape,
    canvas,
    fitting,
    label,
    line,
    path,
    shape,
)
from animesearch.results.formats import score_text, short
from animesearch.results.measured import Point, quality

STEPS = 8
"""Classes of colour, from the best to the worst."""
APART, LEAST_APART, MOST_APART = 128.0, 92.0, 230.0
WIDTH = 1040.0
MANY = 120
"""Trials from which lines are drawn thin."""
LEFT, RIGHT = 96.0, 64.0
TOP, BOTTOM, NONE, HEIGHT = 40.0, 284.0, 312.0, 330.0
SPREAD = 0.34
"""Share of a category's room over which its lines are spread."""
GOLDEN = 0.618034
EDGE = 3.0
"""Room around a label on its plate."""


def parallel(points: Sequence[Point], axes: Sequence[Axis], scores: Axis) -> Figure:
    """The figure; the best trials are drawn last, above the others."""
    places = _places(len(axes) + 1)
    classes = quality(points, STEPS)
    lines = [_line(point, axes, scores, places, classes) for point in reversed(points)]
    drawn = [
        _axis(axis, x, axis is scores)
        for axis, x in zip([*axes, scores], places, strict=True)
    ]  # fmt: skip
    thin = "lines many" if len(points) > MANY else "lines"
    none = label("none", LEFT - 14, NONE + 4, "tick", "end") if _absent(points, axes) else None
    return Figure(
        name="parallel",
        title="All trials through their parameters",
        alt=_alt(points, axes, scores),
        drawing=canvas(places[-1] + RIGHT, HEIGHT, none, shape("g", *lines, class_=thin), *drawn),
        heads=["trial", *(axis.label for axis in axes), scores.label],
        least=round(LEAST_APART * len(axes) + LEFT + RIGHT),
        note="The stronger a line, the better its trial; dashed ones collapsed. Below the axes run "
        "the trials that do not have a parameter, or no score.",
        more={"axes": [_brush(axis, x) for axis, x in zip(axes, places, strict=False)]},
    )


def parallel_rows(points: Sequence[Point], axes: Sequence[Axis]) -> list[list[str]]:
    """The figure as a table."""
    return [
        [point.trial_id, *(_value(point, axis) for axis in axes), score_text(point.score)]
        for point in points
    ]


def _places(count: int) -> list[float]:
    apart = min(MOST_APART, max(APART, WIDTH / max(1, count - 1)))
    return [LEFT + number * apart for number in range(count)]


def height(place: float | None) -> float:
    """Where a place on an axis lies, or that there is none."""
    return NONE if place is None else BOTTOM - place * (BOTTOM - TOP)


def _line(
    point: Point,
    axes: Sequence[Axis],
    scores: Axis,
    places: Sequence[float],
    classes: Mapping[str, int],
) -> Shape:
    heights = [_on(axis, point) for axis in axes]
    end = None if point.score is None else scores.at(point.score)
    way = list(zip(places, [*heights, height(end)], strict=True))
    known = classes.get(point.trial_id)
    kind = f"q{known}" if known is not None else "lost" if point.lost else "open"
    return path(way, f"way {kind}", data_trial=point.trial_id)


def _on(axis: Axis, point: Point) -> float:
    """Lines of one category are spread, so that they can be told apart."""
    place = axis.at(point.params[axis.name]) if axis.name in point.params else None
    aside = point.number * GOLDEN % 1 - 0.5
    if place is None:
        return NONE + aside * 16
    room = SPREAD / len(axis.categories) if axis.scale == "categories" else 0.0
    return height(place + room * aside)


def _axis(axis: Axis, x: float, last: bool) -> Shape:
    room = APART - 8
    sure = [
        item
        for place, text in axis.ticks
        for item in (
            line(x - 4, height(place), x + 4, height(place), "mark"),
            *_tick(fitting(text, room * 0.7), x, height(place), last),
        )
    ]
    name = shape(
        "text", shape("title", axis.name or axis.label), fitting(axis.label, room),
        x=x, y=TOP - 18, class_="name", text_anchor="middle",
    )  # fmt: skip
    return shape("g", line(x, TOP, x, BOTTOM, "axis"), *sure, name, class_="one-axis")


def _tick(text: str, x: float, y: float, last: bool) -> tuple[Shape, Shape]:
    """A label beside its axis, on a plate that covers the lines that run there."""
    width = LETTER * len(text) + 2 * EDGE
    left = x + 7 - EDGE if last else x - 14 + EDGE - width
    plate = shape("rect", x=left, y=y - 8, width=width, height=16.0, rx=3, class_="plate")
    return plate, label(text, x + (7 if last else -14), y + 4, "tick", "" if last else "end")


def _absent(points: Sequence[Point], axes: Sequence[Axis]) -> bool:
    return any(
        point.score is None or any(axis.name not in point.params for axis in axes)
        for point in points
    )


def _brush(axis: Axis, x: float) -> dict[str, Any]:
    """What a page needs to let people choose a part of the axis."""
    return {"name": axis.name, "label": axis.label, "x": x, "top": TOP, "bottom": BOTTOM,
            "scale": axis.scale, "low": axis.low, "high": axis.high,
            "categories": list(axis.categories)}  # fmt: skip


def _value(point: Point, axis: Axis) -> str:
    return short(point.params[axis.name]) if axis.name in point.params else "–"


def _alt(points: Sequence[Point], axes: Sequence[Axis], scores: Axis) -> str:
    scored = [point for point in points if point.score is not None]
    if not scored:
        return f"{len(points)} trials, none with a score"
    best = min(scored, key=lambda point: (point.score or 0.0, point.number))
    chosen = ", ".join(
        f"{axis.label} {_value(best, axis)}" for axis in axes if axis.name in best.params
    )
    return (
        f"{len(scored)} of {len(points)} trials have a score; the best, {best.trial_id} with "
        f"{scores.label} {score_text(best.score)}, has {chosen or 'no parameter of its own'}"
    )
