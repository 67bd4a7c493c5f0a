"""Mouths."""

from __future__ import annotations

from animesearch.datasets.drawing.geometry import Pen, mirrored, smooth
from animesearch.datasets.drawing.head import skin_line
from animesearch.datasets.drawing.palette import SKIN, WHITE, darker
from animesearch.datasets.drawing.traits import Traits

MOUTH_HEIGHT = 0.475


def draw_mouth(pen: Pen, traits: Traits) -> None:
    """The mouth that the traits name."""
    if traits.mouth == "open":
        _draw_open(pen, traits)
        return
    wide, y = traits.mouth_width, MOUTH_HEIGHT
    ink = darker(skin_line(SKIN[traits.skin]), 0.35)
    arcs = {
        "smile": [(-wide, y - 0.02), (-wide * 0.5, y + 0.015), (0.0, y + 0.026)],
        "small": [(-0.045, y), (-0.02, y + 0.006), (0.0, y + 0.008)],
        "cat": [
            (-wide, y - 0.01),
            (-wide * 0.55, y + 0.035),
            (-wide * 0.2, y + 0.02),
            (0.0, y - 0.015),
        ],
        "frown": [(-wide * 0.7, y + 0.03), (-wide * 0.3, y + 0.004), (0.0, y - 0.002)],
    }
    half = arcs[traits.mouth]
    arc = [*half, *((-x, height) for x, height in reversed(half[:-1]))]
    pen.stroke(smooth(arc, closed=False), ink, 0.026)


def _draw_open(pen: Pen, traits: Traits) -> None:
    wide, y = traits.mouth_width * 0.9, MOUTH_HEIGHT - 0.035
    line = darker(skin_line(SKIN[traits.skin]), 0.3)
    side = [(wide * 0.8, y - 0.006), (wide, y + 0.012), (wide * 0.62, y + 0.1)]
    lips = mirrored([(0.0, y), *side, (0.0, y + 0.125)])
    pen.fill(smooth(lips, steps=4), (150, 48, 58), line, 0.022)
    tongue = mirrored([(0.0, y + 0.062), (wide * 0.5, y + 0.082), (0.0, y + 0.112)])
    pen.fill(smooth(tongue), (238, 128, 128))
    teeth = [(wide * 0.68, y + 0.008), (wide * 0.5, y + 0.03)]
    pen.fill(mirrored([(0.0, y + 0.008), *teeth, (0.0, y + 0.036)]), WHITE)
