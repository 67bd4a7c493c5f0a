"""Slices: the score against one parameter after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from animesearch.results.axes import Axis, percent
from animesearch.results.figures.drawing import Figure, Shape, canvas, fitting, label, line, shape
from animesearch.results.figures.parallel import GOLDEN
from animesearch.results.formats import score_text, short
from animesearch.results.importance import Importance
from animesearch.results.measured import Point

WIDTH, HEIGHT = 330.0, 222.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 322.0, 26.0, 186.0
RAIL = 12.0
"""Height of the row of collapsed trials, above all scores."""


def slices(
    points: Sequence[Point],
    axes: Sequence[Axis],
    scores: Axis,
    found: Mapping[str, Importance],
) -> list[Figure]:
    """One figure for each parameter, those that explain most first.

    Their rows are those of all trials, which stand beside them anyway.
    """
    order = {name: place for place, name in enumerate(found)}
    return [
        _slice(points, axis, scores, found.get(axis.name))
        for axis in sorted(axes, key=lambda axis: order.get(axis.name, len(order)))
    ]


def _slice(
    points: Sequence[Point], axis: Axis, scores: Axis, found: Importance | None
) -> Figure:  # fmt: skip
    there = [point for point in points if axis.name in point.params]
    dots = [dot for point in there if (dot := _dot(point, axis, scores)) is not None]
    lost = any(point.lost for point in there)
    rail = label("collapsed", LEFT - 6, RAIL + 4, "tick", "end") if lost else None
    return Figure(
        name=f"slice-{axis.name}",
        title=f"{scores.label} by {axis.label}",
        alt=_alt(there, axis, scores, found),
        drawing=canvas(
            WIDTH, HEIGHT, *_frame(axis, scores), rail, shape("g", *dots, class_="dots")
        ),
        heads=["trial", axis.label, scores.label, "state"],
        more={"parameter": axis.name},
    )


def _frame(axis: Axis, scores: Axis) -> list[Shape]:
    """Lines and names of both axes."""
    across = [
        item
        for place, text in scores.ticks
        for item in (
            line(LEFT, _y(place), RIGHT, _y(place), "grid-line"),
            label(text, LEFT - 6, _y(place) + 4, "tick", "end"),
        )
    ]
    ticks = axis.ticks
    room = (RIGHT - LEFT) / max(1, len(ticks)) - 4
    down = [
        label(fitting(text, max(24.0, room)), _x(place), BOTTOM + 14, "tick", "middle")
        for place, text in _spaced(ticks)
    ]
    logs = " (log)" if axis.scale == "log" else ""
    name = fitting(axis.label, RIGHT - LEFT - 40) + logs
    middle = (LEFT + RIGHT) / 2
    return [*across, line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis"), *down,
            label(name, middle, HEIGHT - 2, "name", "middle")]  # fmt: skip


def _spaced(ticks: Sequence[tuple[float, str]], most: int = 8) -> Sequence[tuple[float, str]]:
    step = -(-len(ticks) // most)
    return ticks[:: max(1, step)]


def _x(place: float) -> float:
    return LEFT + 8 + place * (RIGHT - LEFT - 16)


def _y(place: float) -> float:
    return BOTTOM - place * (BOTTOM - TOP)


def _dot(point: Point, axis: Axis, scores: Axis) -> Shape | None:
    """A circle for who ran to the end, a diamond for who was stopped, a cross for collapse."""
    place = axis.at(point.params[axis.name])
    level = scores.at(point.score) if point.score is not None else None
    if place is None or (level is None and not point.lost):
        return None
    if axis.scale == "categories":
        place += (point.number * GOLDEN % 1 - 0.5) * 0.5 / len(axis.categories)
    x, y = _x(place), RAIL if level is None else _y(level)
    return marker(x, y, point.state, point.trial_id)


def marker(x: float, y: float, state: str, trial: str) -> Shape:
    """The sign of a state at a place."""
    if state in ("collapsed", "failed"):
        way = f"M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0-7l-7 7"
    elif state == "pruned":
        way = f"M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5-4.5z"
    elif state == "completed":
        return shape("circle", cx=x, cy=y, r=3.6, class_="dot completed", data_trial=trial)
    else:
        way = f"M{x - 3:.1f} {y - 4:.1f}l7 4l-7 4z"
        state = "open"
    return shape("path", d=way, class_=f"dot {state}", data_trial=trial)


def _alt(
    points: Sequence[Point], axis: Axis, scores: Axis, found: Importance | None
) -> str:  # fmt: skip
    scored = [point for point in points if point.score is not None]
    lost = sum(point.lost for point in points)
    parts = [f"{len(scored)} trials with a score" + (f", {lost} collapsed" if lost else "")]
    if scored:
        best = min(scored, key=lambda point: (point.score or 0.0, point.number))
        value = short(best.params[axis.name])
        parts.append(f"the best, {scores.label} {score_text(best.score)}, has {value}")
    return "; ".join([*parts, verdict(found)] if found else parts)


def verdict(found: Importance) -> str:
    """What a parameter explains, in words."""
    if found.share is None or found.noise is None:
        return f"too few trials to say whether it matters (n {found.n})"
    share = f"it explains {percent(found.share)} of the order, luck up to {percent(found.noise)}"
    return f"{share}: {'best ' + found.best if found.clear else 'nothing to be seen'}"
