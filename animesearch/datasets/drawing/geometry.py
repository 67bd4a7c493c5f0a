"""Shapes in head coordinates: x right, y down, the middle of the face at (0, 0), image ±1."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from animesearch.datasets.drawing.palette import Ink

Points = NDArray[np.float64]
"""Points of a shape, float64 (N, 2)."""
Shape = Points | Sequence[tuple[float, float]]


def mirrored(half: Shape) -> Points:
    """A closed outline from its right half, given from top to bottom (on the axis at both)."""
    right = np.asarray(half, dtype=np.float64)
    left = right[::-1] * (-1.0, 1.0)
    return np.concatenate([right, left[1:-1]])


def flipped(shape: Shape, side: int) -> Points:
    """The shape itself for ``side`` 1, its mirror image for -1."""
    return np.asarray(shape, dtype=np.float64) * (float(side), 1.0)


@functools.lru_cache(maxsize=16)
def _spline_weights(steps: int) -> Points:
    """Catmull-Rom weights, (steps, 4), of the points before, at, after and two after."""
    t = np.arange(steps, dtype=np.float64) / steps
    return 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2],
        axis=1,
    )


def smooth(shape: Shape, closed: bool = True, steps: int = 6) -> Points:
    """Catmull-Rom spline through the points (Catmull & Rom 1974), ``steps`` per span."""
    points = np.asarray(shape, dtype=np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    windows = np.stack([padded[k : len(padded) - 3 + k] for k in range(4)], axis=1)
    curve = np.einsum("sk,nkd->nsd", _spline_weights(steps), windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


@functools.lru_cache(maxsize=4)
def _circle(count: int) -> Points:
    angle = np.arange(count) * (2 * math.pi / count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> Points:
    """An ellipse as a polygon; ``angle`` in radians turns it clockwise."""
    points = _circle(36) * radii
    if angle:
        points = turned(points, angle)
    return points + centre


def turned(shape: Points, angle: float) -> Points:
    """The shape turned clockwise about (0, 0) by ``angle`` radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return shape @ np.array([[cos, sin], [-sin, cos]])


class Pen:
    """Draws shapes of head coordinates on an RGB image; alpha in a fill blends.

    The head is turned by ``tilt`` (radians) about the neck, scaled, and moved by ``shift``
    (half image widths).
    """

    def __init__(
        self, image: Image.Image, tilt: float, scale: float, shift: tuple[float, float]
    ) -> None:
        self._draw = ImageDraw.Draw(image, "RGBA")
        half = image.width / 2
        self._unit = half * scale
        neck = np.array([0.0, 0.5])
        cos, sin = math.cos(tilt), math.sin(tilt)
        self._matrix = np.array([[cos, sin], [-sin, cos]]) * self._unit
        self._offset = (np.array(shift) + 1.0) * half + neck * self._unit - neck @ self._matrix

    def _pixels(self, shape: Shape) -> list[float]:
        points: list[float] = (np.asarray(shape) @ self._matrix + self._offset).ravel().tolist()
        return points

    def fill(self, shape: Shape, ink: Ink, outline: Ink | None = None, width: float = 0.02) -> None:
        """A filled polygon, with an outline of ``width`` (half image widths) where asked."""
        points = self._pixels(shape)
        self._draw.polygon(points, fill=ink)
        if outline is not None:
            self._line([*points, *points[:4]], outline, width)

    def stroke(self, shape: Shape, ink: Ink, width: float) -> None:
        """An open line with round ends, ``width`` in half image widths."""
        points = self._pixels(shape)
        self._line(points, ink, width)
        radius = width * self._unit / 2
        if radius >= 1.0:
            for x, y in (points[:2], points[-2:]):
                self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)

    def _line(self, points: list[float], ink: Ink, width: float) -> None:
        self._draw.line(points, fill=ink, width=max(1, round(width * self._unit)), joint="curve")
