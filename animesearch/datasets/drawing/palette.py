"""Colours of the drawn faces, by the names that become tags."""

from __future__ import annotations

from typing import Final

Colour = tuple[int, int, int]
Ink = tuple[int, ...]
"""An RGB or RGBA fill, 0..255."""

WHITE: Final[Colour] = (255, 255, 255)
LINE: Final[Colour] = (62, 40, 48)

HAIR: Final[dict[str, Colour]] = {
    "black": (62, 58, 74),
    "brown": (132, 86, 60),
    "blonde": (240, 208, 122),
    "red": (196, 66, 60),
    "orange": (234, 142, 74),
    "pink": (244, 152, 184),
    "purple": (148, 112, 196),
    "blue": (90, 130, 214),
    "aqua": (124, 210, 222),
    "green": (112, 176, 122),
    "silver": (202, 206, 220),
}

EYES: Final[dict[str, Colour]] = {
    "blue": (58, 118, 218),
    "aqua": (44, 178, 196),
    "green": (66, 164, 88),
    "yellow": (226, 176, 44),
    "red": (208, 52, 60),
    "pink": (232, 96, 156),
    "purple": (138, 78, 198),
    "brown": (142, 88, 54),
}

SKIN: Final[dict[str, Colour]] = {
    "pale": (255, 236, 224),
    "fair": (254, 222, 202),
    "tan": (238, 190, 156),
    "dark": (180, 122, 88),
}

BACKGROUND: Final[dict[str, Colour]] = {
    "white": (250, 250, 252),
    "grey": (190, 194, 204),
    "blue": (176, 212, 244),
    "aqua": (178, 232, 226),
    "green": (190, 226, 178),
    "yellow": (250, 234, 168),
    "orange": (250, 206, 168),
    "pink": (250, 204, 218),
    "purple": (212, 196, 240),
    "dark": (74, 78, 108),
}

CLOTH: Final[tuple[Colour, ...]] = (
    (58, 72, 120),
    (236, 238, 244),
    (190, 62, 74),
    (66, 128, 116),
    (70, 66, 82),
    (236, 170, 96),
)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` with ``share`` (0..1) of ``second``, channel by channel."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """``colour`` moved towards a warm near-black by ``share`` (0..1)."""
    return mix(colour, (46, 26, 44), share)


def lighter(colour: Colour, share: float) -> Colour:
    """``colour`` moved towards white by ``share`` (0..1)."""
    return mix(colour, WHITE, share)


def shifted(colour: Colour, amounts: tuple[float, float, float]) -> Colour:
    """``colour`` with each channel moved by an amount in 0..255, clipped."""
    red, green, blue = (
        min(255, max(0, round(a + b))) for a, b in zip(colour, amounts, strict=True)
    )
    return red, green, blue
