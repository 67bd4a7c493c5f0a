"""Hair behind and before the face, and what is worn in it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from animesearch.datasets.drawing.geometry import Pen, Points, ellipse, flipped, mirrored, smooth
from animesearch.datasets.drawing.palette import Colour, darker, lighter
from animesearch.datasets.drawing.traits import Traits

Span = list[tuple[float, float]]


@dataclass(frozen=True)
class Tones:
    """The four tones of one hair colour."""

    base: Colour
    shade: Colour
    line: Colour
    light: Colour

    @classmethod
    def of(cls, traits: Traits) -> Tones:
        """The tones of a face's hair."""
        base = traits.hair_colour
        return cls(base, darker(base, 0.24), darker(base, 0.55), lighter(base, 0.45))


BACK: dict[str, Span] = {
    "short": [
        (0.0, -0.98),
        (0.22, -0.96),
        (0.42, -0.88),
        (0.6, -0.7),
        (0.74, -0.62),
        (0.72, -0.42),
        (0.86, -0.26),
        (0.78, -0.14),
        (0.9, 0.1),
        (0.77, 0.14),
        (0.82, 0.4),
        (0.68, 0.34),
        (0.62, 0.54),
        (0.5, 0.42),
        (0.3, 0.4),
        (0.0, 0.4),
    ],
    "bob": [
        (0.0, -0.98),
        (0.42, -0.9),
        (0.74, -0.5),
        (0.82, 0.0),
        (0.84, 0.4),
        (0.76, 0.7),
        (0.5, 0.8),
        (0.3, 0.6),
        (0.0, 0.5),
    ],
    "long": [
        (0.0, -0.98),
        (0.42, -0.9),
        (0.74, -0.5),
        (0.82, 0.0),
        (0.86, 0.6),
        (0.92, 1.2),
        (0.85, 1.8),
        (0.0, 1.8),
    ],
}
TAIL: Span = [
    (0.66, -0.62),
    (0.9, -0.72),
    (1.12, -0.4),
    (1.2, 0.2),
    (1.12, 0.8),
    (1.0, 1.15),
    (0.96, 0.7),
    (0.9, 0.2),
    (0.76, -0.2),
]


def draw_back(pen: Pen, traits: Traits) -> None:
    """Everything that hangs behind the head."""
    tones = Tones.of(traits)
    if traits.addition == "twintails":
        for side in (-1, 1):
            _draw_tail(pen, tones, side)
    elif traits.addition == "ponytail":
        _draw_tail(pen, tones, traits.side)
    elif traits.addition == "buns":
        for side in (-1, 1):
            pen.fill(ellipse((side * 0.56, -0.86), (0.25, 0.24)), tones.base, tones.line, 0.026)
            swirl = ellipse((side * 0.57, -0.85), (0.13, 0.12))[4:30]
            pen.stroke(swirl, tones.shade, 0.03)
    back = mirrored(BACK[traits.length])
    shape = back if traits.length == "short" else smooth(back, steps=4)
    pen.fill(shape, tones.shade, tones.line, 0.026)
    if traits.length == "long":
        for side in (-1, 1):
            strand = smooth(flipped([(0.68, 0.3), (0.72, 0.8), (0.7, 1.4)], side), closed=False)
            pen.stroke(strand, tones.line, 0.02)


def _draw_tail(pen: Pen, tones: Tones, side: int) -> None:
    pen.fill(smooth(flipped(TAIL, side), steps=4), tones.base, tones.line, 0.026)
    strand = smooth(flipped([(0.9, -0.5), (1.03, 0.0), (1.03, 0.6)], side), closed=False)
    pen.stroke(strand, tones.shade, 0.035)
    pen.fill(ellipse((side * 0.72, -0.6), (0.1, 0.1)), darker(tones.line, 0.3))


def _tips(traits: Traits) -> list[tuple[float, float, float]]:
    """Locks of the fringe from left to right: (x of the tip, y of the tip, y of the notch)."""
    lot = random.Random(f"bangs/{traits.detail}")
    count = {"blunt": 7, "spiky": 5, "swept": 5, "parted": 6}[traits.bangs]
    locks = []
    for place in range(count):
        x = -0.5 + (place + 0.5) / count + (lot.random() - 0.5) * 0.06
        tip, notch = _lock(traits, x * 1.04, lot.random() - 0.5)
        locks.append((x * 1.04, tip, notch))
    return locks


def _lock(traits: Traits, x: float, wobble: float) -> tuple[float, float]:
    if traits.bangs == "blunt":
        return -0.1 + 0.03 * wobble, -0.15
    if traits.bangs == "spiky":
        return 0.02 + 0.2 * wobble, -0.3 + 0.08 * wobble
    if traits.bangs == "swept":
        return -0.12 - 0.26 * x * traits.side + 0.1 * wobble, -0.32 - 0.16 * x * traits.side
    return -0.44 + 1.05 * abs(x) + 0.06 * wobble, -0.52 + 0.75 * abs(x)


def _fringe(traits: Traits) -> Points:
    """The outline of the hair on top: over the crown, then along the locks of the fringe."""
    crown = mirrored([(0.0, -0.98), (0.4, -0.9), (0.67, -0.5), (0.68, 0.06), (0.0, 0.06)])
    arc = smooth(np.concatenate([crown[5:], crown[:4]]), closed=False)
    lean = {"swept": 0.07 * traits.side, "spiky": 0.03 * traits.side}.get(traits.bangs, 0.0)
    locks = _tips(traits)
    lower: Span = [(0.575, 0.0)]
    following = [*reversed(locks[:-1]), (-0.6, 0.0, -0.1)]
    for (x, tip, notch), left in zip(reversed(locks), following, strict=True):
        between = (x + left[0]) / 2
        lower += [(x + 0.045 - lean, (tip + notch) / 2 - 0.01), (x - lean, tip)]
        lower.append((between, min(notch, left[2]) if left[0] > -0.6 else notch))
    lower.append((-0.575, 0.0))
    return np.concatenate([arc, np.array(lower)])


def draw_fringe_shadow(pen: Pen, traits: Traits, skin_shadow: Colour) -> None:
    """The shadow that the fringe throws on the forehead."""
    shadow = _fringe(traits) * (0.86, 1.0) + (0.0, 0.06)
    pen.fill(shadow, (*skin_shadow, 170))


def draw_front(pen: Pen, traits: Traits) -> None:
    """Side locks, fringe, gloss and parting."""
    tones = Tones.of(traits)
    for side in (-1, 1):
        _draw_side_lock(pen, traits, tones, side)
    pen.fill(_fringe(traits), tones.base, tones.line, 0.024)
    for x, tip, notch in _tips(traits)[::2]:
        strand = [(x * 0.6, -0.66), (x * 0.9, (notch - 0.6) / 2), (x, tip - 0.1)]
        pen.stroke(smooth(strand, closed=False, steps=3), tones.shade, 0.02)
    _draw_gloss(pen, tones)
    if traits.ahoge:
        _draw_ahoge(pen, traits, tones)


def _draw_side_lock(pen: Pen, traits: Traits, tones: Tones, side: int) -> None:
    low = {"short": 0.32, "bob": 0.62, "long": 0.86}[traits.length]
    lock = [
        (0.42, -0.46),
        (0.7, -0.4),
        (0.73, 0.1),
        (0.68, low * 0.75),
        (0.57, low),
        (0.585, low * 0.55),
        (0.545, 0.05),
        (0.5, -0.2),
    ]
    pen.fill(smooth(flipped(lock, side), steps=4), tones.base, tones.line, 0.024)


def _draw_gloss(pen: Pen, tones: Tones) -> None:
    upper = [(x, -0.7 + 0.28 * x * x) for x in np.linspace(-0.46, 0.46, 9)]
    lower = [
        (x, -0.6 + 0.26 * x * x + (0.05 if place % 2 else -0.02))
        for place, x in enumerate(np.linspace(0.46, -0.46, 11))
    ]
    pen.fill([*upper, *lower], (*tones.light, 150))


def _draw_ahoge(pen: Pen, traits: Traits, tones: Tones) -> None:
    curl = [
        (-0.04, -0.93),
        (-0.02, -1.08),
        (0.12, -1.17),
        (0.27, -1.1),
        (0.14, -1.09),
        (0.07, -0.93),
    ]
    pen.fill(smooth(flipped(curl, traits.side), steps=4), tones.base, tones.line, 0.02)


def draw_ornament(pen: Pen, traits: Traits) -> None:
    """A hairband, a bow or a hairclip."""
    colour, side = traits.ornament_colour, traits.side
    line = darker(colour, 0.5)
    if traits.ornament == "hairband":
        outer = [(x, -0.85 + 0.62 * x * x) for x in np.linspace(-0.66, 0.66, 13)]
        inner = [(x * 0.97, y + 0.1) for x, y in reversed(outer)]
        pen.fill([*outer, *inner], colour, line, 0.022)
    elif traits.ornament == "bow":
        for turn in (-1, 1):
            wing = flipped([(0.02, 0.0), (0.24, -0.17), (0.29, 0.0), (0.22, 0.15)], turn)
            pen.fill(smooth(wing + np.array([side * 0.5, -0.76]), steps=4), colour, line, 0.022)
        pen.fill(ellipse((side * 0.5, -0.76), (0.06, 0.065)), lighter(colour, 0.2), line, 0.022)
    elif traits.ornament == "hairclip":
        for drop in (0.0, 0.12):
            clip = np.array([(0.36, -0.42), (0.56, -0.3), (0.54, -0.23), (0.34, -0.35)])
            pen.fill(flipped(clip + np.array([-drop / 5, drop]), side), colour, line, 0.02)
