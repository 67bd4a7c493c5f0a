"""What stands behind the head."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from animesearch.datasets.drawing.palette import BACKGROUND, Colour, lighter, mix
from animesearch.datasets.drawing.traits import Traits


def backdrop(traits: Traits, edge: int) -> Image.Image:
    """An RGB image of ``edge`` × ``edge`` pixels."""
    first, second = (BACKGROUND[word] for word in traits.background)
    if traits.backdrop == "plain":
        return Image.new("RGB", (edge, edge), first)
    if traits.backdrop == "gradient":
        return _gradient(first, second, edge)
    image = Image.new("RGB", (edge, edge), first)
    if traits.backdrop == "split":
        _split(image, mix(first, second, 0.8), traits)
    else:
        _dots(image, lighter(first, 0.5), traits)
    return image


def _gradient(top: Colour, bottom: Colour, edge: int) -> Image.Image:
    ramp = Image.new("RGB", (1, 33))
    ramp.putdata([mix(top, bottom, row / 32) for row in range(33)])
    return ramp.resize((edge, edge), Image.Resampling.BILINEAR)


def _split(image: Image.Image, colour: Colour, traits: Traits) -> None:
    edge = image.width
    left, right = (0.35, 0.8) if traits.side > 0 else (0.8, 0.35)
    corners = [(0, edge * left), (edge, edge * right), (edge, edge), (0, edge)]
    ImageDraw.Draw(image).polygon(corners, fill=colour)


def _dots(image: Image.Image, colour: Colour, traits: Traits) -> None:
    lot = random.Random(f"dots/{traits.detail}")
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = lot.random() * image.width, lot.random() * image.width
        radius = (0.03 + 0.06 * lot.random()) * image.width
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
