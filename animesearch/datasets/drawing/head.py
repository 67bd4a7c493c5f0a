"""Neck, clothes, ears, the face itself, nose and blush."""

from __future__ import annotations

from animesearch.datasets.drawing.geometry import Pen, Points, ellipse, flipped, mirrored, smooth
from animesearch.datasets.drawing.palette import SKIN, Colour, darker, lighter, mix
from animesearch.datasets.drawing.traits import Traits

FACE_TOP = -0.6


def skin_line(skin: Colour) -> Colour:
    """The colour of contours on skin."""
    return mix(darker(skin, 0.42), (150, 60, 50), 0.35)


def skin_shadow(skin: Colour) -> Colour:
    """The colour of shaded skin."""
    return mix(darker(skin, 0.12), (226, 120, 110), 0.22)


def outline(traits: Traits) -> Points:
    """The contour of the face, closed."""
    wide = 0.555 * traits.jaw
    half = [
        (0.0, FACE_TOP),
        (0.34, -0.54),
        (wide * 0.96, -0.26),
        (wide, 0.04),
        (wide * 0.93, 0.27),
        (wide * 0.7, 0.47),
        (0.17, 0.625),
        (0.045, 0.69),
        (0.0, 0.695),
    ]
    return smooth(mirrored(half), steps=4)


def draw_body(pen: Pen, traits: Traits) -> None:
    """Shoulders, collar and neck; they run out of the image at the bottom."""
    skin = SKIN[traits.skin]
    cloth = traits.cloth
    shoulders = smooth(
        mirrored([(0.0, 0.86), (0.2, 0.86), (0.55, 0.98), (0.86, 1.2), (0.95, 1.9), (0.0, 1.9)])
    )
    pen.fill(shoulders, cloth, darker(cloth, 0.45), 0.025)
    neck = mirrored([(0.0, 0.4), (0.16, 0.45), (0.15, 0.76), (0.2, 0.9), (0.0, 1.12)])
    pen.fill(neck, skin, skin_line(skin), 0.018)
    pen.fill(mirrored([(0.0, 0.5), (0.15, 0.5), (0.14, 0.72), (0.0, 0.8)]), skin_shadow(skin))
    trim = lighter(cloth, 0.75) if sum(cloth) < 480 else darker(cloth, 0.5)
    for side in (-1, 1):
        collar = flipped([(0.17, 0.82), (0.36, 0.92), (0.2, 1.18), (0.02, 1.12)], side)
        pen.fill(collar, trim, darker(trim, 0.4), 0.018)


def draw_face(pen: Pen, traits: Traits) -> None:
    """Ears, face, and blush where there is one."""
    skin = SKIN[traits.skin]
    line = skin_line(skin)
    for side in (-1, 1):
        ear = ellipse((side * 0.555 * traits.jaw, 0.12), (0.08, 0.14), side * -0.15)
        pen.fill(ear, skin, line, 0.018)
        pen.fill(ellipse((side * 0.56 * traits.jaw, 0.13), (0.035, 0.08)), skin_shadow(skin))
    pen.fill(outline(traits), skin, line, 0.02)
    if traits.blush:
        _draw_blush(pen)


def _draw_blush(pen: Pen) -> None:
    for side in (-1, 1):
        for grow in (1.0, 0.75, 0.5):
            spot = ellipse((side * 0.36, 0.315), (0.15 * grow, 0.075 * grow))
            pen.fill(spot, (240, 96, 104, 62))
        for step in (-0.05, 0.0, 0.05):
            x = side * 0.36 + step
            pen.stroke([(x - 0.012, 0.335), (x + 0.012, 0.295)], (222, 104, 108), 0.014)


def draw_nose(pen: Pen, traits: Traits) -> None:
    """A small nose, on the lit side."""
    skin = SKIN[traits.skin]
    x = 0.012 * traits.side
    pen.fill([(x - 0.022, 0.345), (x + 0.022, 0.345), (x, 0.305)], skin_shadow(skin))
    pen.stroke([(x - 0.012, 0.35), (x + 0.012, 0.35)], skin_line(skin), 0.016)
