"""Scores over the images shown: the best trials by name, the others behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from animesearch.results.axes import linear_ticks, score_axis
from animesearch.results.figures.drawing import Figure, Shape, canvas, label, line, path, shape
from animesearch.results.formats import clean, kimg, score_text

NAMED = 6
"""Lines with a colour, a dash and a name of their own."""
WIDTH, HEIGHT = 760.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 640.0, 14.0, 276.0
LEAST_GAP = 14.0


@dataclass(frozen=True)
class Curve:
    """(images, score) of a trial, ascending."""

    name: str
    points: Sequence[tuple[int, float]]


def curves(drawn: Sequence[Curve], metric: str) -> Figure:
    """The figure; the first of ``drawn`` are the best and get names."""
    drawn = [curve for curve in drawn if curve.points]
    named, others = drawn[:NAMED], drawn[NAMED:]
    scores = score_axis(metric, [score for curve in drawn for _, score in curve.points])
    most = max((images for curve in drawn for images, _ in curve.points), default=1)

    def places(curve: Curve) -> list[tuple[float, float]]:
        return [
            (LEFT + images / most * (RIGHT - LEFT), _y(scores.at(score) or 0.0))
            for images, score in curve.points
        ]

    frame = [
        *(line(LEFT, _y(at), RIGHT, _y(at), "grid-line") for at, _ in scores.ticks),
        *(label(text, LEFT - 6, _y(at) + 4, "tick", "end") for at, text in scores.ticks),
        *_below(most),
    ]
    behind = [path(places(curve), "curve other") for curve in others if len(curve.points) > 1]
    front = [shape_ for n, curve in enumerate(named) for shape_ in _named(places(curve), n)]
    ends = [(places(curve)[-1][1], curve.name) for curve in named]
    return Figure(
        name="curves",
        title=f"{clean(metric)} over the images shown",
        alt=_alt(named, metric),
        drawing=canvas(WIDTH, HEIGHT, *frame, *behind, *front, *_names(ends)),
        heads=["trial", "images", clean(metric)],
        rows=[[c.name, images, score_text(score)] for c in named for images, score in c.points],
        least=560,
    )


def _y(place: float) -> float:
    return BOTTOM - place * (BOTTOM - TOP)


def _below(most: int) -> Iterator[Shape]:
    yield line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")
    for images in linear_ticks(0.0, float(most), 6):
        x = LEFT + images / most * (RIGHT - LEFT)
        yield label(kimg(round(images)), x, BOTTOM + 16, "tick", "middle")
    yield label("kimg shown to D", (LEFT + RIGHT) / 2, HEIGHT - 6, "name", "middle")


def _named(places: Sequence[tuple[float, float]], number: int) -> Iterator[Shape]:
    if len(places) > 1:
        yield path(places, f"curve c{number}")
    for x, y in places:
        yield shape("circle", cx=x, cy=y, r=3.2, class_=f"knot c{number}")


def _names(ends: Sequence[tuple[float, str]]) -> Iterator[Shape]:
    """Beside the ends of the lines, moved apart where they would overlap."""
    order = sorted(range(len(ends)), key=lambda number: ends[number][0])
    last = -LEAST_GAP
    for number in order:
        last = max(ends[number][0], last + LEAST_GAP)
        yield line(RIGHT + 10, last, RIGHT + 34, last, f"curve c{number}")
        yield label(ends[number][1], RIGHT + 40, last + 4, "tick")


def _alt(named: Sequence[Curve], metric: str) -> str:
    if not named:
        return "no trial has a score yet"
    parts = [
        f"{curve.name} from {score_text(curve.points[0][1])} to {score_text(curve.points[-1][1])}"
        for curve in named
    ]
    return f"{clean(metric)} of the best trials: {', '.join(parts)}"
