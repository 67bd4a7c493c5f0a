"""Eyes, brows and glasses."""

from __future__ import annotations

import numpy as np

from animesearch.datasets.drawing.geometry import Pen, Points, ellipse, smooth, turned
from animesearch.datasets.drawing.palette import (
    EYES,
    LINE,
    SKIN,
    WHITE,
    Colour,
    darker,
    lighter,
    mix,
)
from animesearch.datasets.drawing.traits import Traits

EYE_HEIGHT = 0.115
SLANTS = {"round": 0.0, "tsurime": -0.2, "tareme": 0.2, "closed": 0.0}
WIDE, HIGH = 0.155, 0.17


class _Eye:
    """One eye: its own coordinates, (0, 0) in the middle and x outwards, to the head's."""

    def __init__(self, traits: Traits, side: int) -> None:
        self.side = side
        self._centre = np.array([side * traits.eye_gap, EYE_HEIGHT])
        self._size = traits.eye_size
        self._slant = SLANTS[traits.eye_shape]

    def place(self, shape: object, slanted: bool = True) -> Points:
        points = np.asarray(shape, dtype=np.float64) * self._size
        if slanted and self._slant:
            points = turned(points, self._slant)
        placed: Points = points * (self.side, 1.0) + self._centre
        return placed


def draw_eyes(pen: Pen, traits: Traits) -> None:
    """Both eyes, open or closed."""
    for side, word in zip((-1, 1), traits.eyes, strict=True):
        eye = _Eye(traits, side)
        if traits.eye_shape == "closed":
            _draw_closed(pen, eye)
        else:
            _draw_open(pen, eye, EYES[word], traits)


def _draw_closed(pen: Pen, eye: _Eye) -> None:
    arc = [(-0.15, 0.06), (-0.09, -0.0), (0.0, -0.03), (0.09, 0.0), (0.16, 0.07)]
    pen.stroke(smooth(eye.place(arc), closed=False), LINE, 0.042)
    pen.stroke(eye.place([(0.13, 0.045), (0.2, 0.03)]), LINE, 0.028)


def _opening() -> list[tuple[float, float]]:
    return [
        (-WIDE, 0.0),
        (-0.1, -0.11),
        (0.0, -HIGH),
        (0.1, -0.13),
        (WIDE, -0.01),
        (0.12, 0.11),
        (0.02, HIGH),
        (-0.1, 0.125),
    ]


def _draw_open(pen: Pen, eye: _Eye, colour: Colour, traits: Traits) -> None:
    pen.fill(smooth(eye.place(_opening()), steps=4), (252, 250, 252))
    _draw_iris(pen, eye, colour, traits)
    lash = [(-0.165, 0.01), (-0.11, -0.11), (0.0, -0.178), (0.1, -0.145), (0.175, -0.02)]
    pen.stroke(smooth(eye.place(lash), closed=False), LINE, 0.05)
    pen.fill(eye.place([(0.1, -0.15), (0.235, -0.09), (0.185, 0.03), (0.14, -0.06)]), LINE)
    lower = [(-0.06, 0.178), (0.02, 0.185), (0.1, 0.145)]
    pen.stroke(smooth(eye.place(lower), closed=False), mix(LINE, SKIN[traits.skin], 0.25), 0.018)
    crease = [(-0.1, -0.19), (0.0, -0.235), (0.11, -0.2)]
    pen.stroke(smooth(eye.place(crease), closed=False), darker(SKIN[traits.skin], 0.4), 0.014)


def _draw_iris(pen: Pen, eye: _Eye, colour: Colour, traits: Traits) -> None:
    x, y = traits.gaze[0] * eye.side, traits.gaze[1] * 0.5 + 0.005

    def disc(dx: float, dy: float, rx: float, ry: float) -> Points:
        return eye.place(ellipse((x + dx, y + dy), (rx, ry)), slanted=False)

    pen.fill(disc(0.0, 0.0, 0.112, 0.162), darker(colour, 0.62))
    pen.fill(disc(0.0, 0.005, 0.097, 0.147), darker(colour, 0.12))
    pen.fill(disc(0.0, 0.065, 0.08, 0.085), lighter(colour, 0.3))
    pen.fill(disc(0.0, 0.1, 0.052, 0.042), lighter(colour, 0.55))
    pen.fill(disc(0.0, -0.075, 0.088, 0.075), (*darker(colour, 0.7), 150))
    pen.fill(disc(0.0, 0.0, 0.042, 0.068), darker(colour, 0.82))
    light = -eye.side * 0.045
    pen.fill(disc(light, -0.07, 0.042, 0.048), WHITE)
    pen.fill(disc(-light, 0.075, 0.02, 0.024), WHITE)


def draw_brows(pen: Pen, traits: Traits) -> None:
    """Brows in a dark shade of the hair."""
    ink = darker(traits.hair_colour, 0.45)
    for side in (-1, 1):
        arc = turned(np.array([(-0.12, 0.01), (-0.02, -0.025), (0.12, 0.015)]), traits.brow)
        placed = smooth(arc * (side, 1.0) + (side * (traits.eye_gap + 0.01), -0.2), closed=False)
        pen.stroke(placed, ink, 0.024)


def draw_glasses(pen: Pen, traits: Traits) -> None:
    """Rims, bridge and temples, with a glint."""
    ink = traits.glasses_colour
    gap, y = traits.eye_gap, EYE_HEIGHT + 0.03
    for side in (-1, 1):
        rim = ellipse((side * gap, y), (0.225, 0.215))
        pen.fill(rim, (230, 240, 255, 40), ink, 0.036)
        pen.stroke([(side * (gap + 0.225), y - 0.03), (side * 0.6, y - 0.06)], ink, 0.032)
        glint = [
            (side * gap - 0.13, y - 0.02),
            (side * gap - 0.04, y - 0.15),
            (side * gap + 0.01, y - 0.15),
            (side * gap - 0.1, y + 0.01),
        ]
        pen.fill(glint, (255, 255, 255, 90))
    pen.stroke([(-gap + 0.225, y - 0.02), (0.0, y - 0.045), (gap - 0.225, y - 0.02)], ink, 0.032)
