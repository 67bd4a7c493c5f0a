"""A whole face: the parts in the order in which they cover one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from animesearch.datasets.drawing import eyes, hair, head, mouth
from animesearch.datasets.drawing.backdrop import backdrop
from animesearch.datasets.drawing.geometry import Pen
from animesearch.datasets.drawing.palette import SKIN
from animesearch.datasets.drawing.traits import Traits, traits


def draw_face(seed: int, index: int, size: int) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Face ``index`` of ``seed``: RGB pixels, uint8 (size, size, 3), and its tags.

    The attributes depend on ``(seed, index)`` alone; ``size`` changes the sampling only.
    """
    look = traits(seed, index)
    image = paint(look, size * supersampling(size))
    small = image.reduce(supersampling(size))
    return np.asarray(small), look.tags()


def supersampling(size: int) -> int:
    """Pixels drawn per pixel kept, along an edge: 4 for small images, 2 for large ones."""
    return 4 if size <= 96 else 3 if size <= 256 else 2


def paint(look: Traits, edge: int) -> Image.Image:
    """The face with hard edges, an RGB image of ``edge`` × ``edge`` pixels."""
    image = backdrop(look, edge)
    pen = Pen(image, look.tilt, look.scale, look.shift)
    hair.draw_back(pen, look)
    head.draw_body(pen, look)
    head.draw_face(pen, look)
    hair.draw_fringe_shadow(pen, look, head.skin_shadow(SKIN[look.skin]))
    head.draw_nose(pen, look)
    mouth.draw_mouth(pen, look)
    eyes.draw_eyes(pen, look)
    hair.draw_front(pen, look)
    eyes.draw_brows(pen, look)
    if look.glasses:
        eyes.draw_glasses(pen, look)
    hair.draw_ornament(pen, look)
    return image
