"""Drawings as trees of SVG elements: a page builds them element by element, a report writes them.

Colours are not in here: a drawing names classes, and the style sheet ``figures.css`` gives them
colours for light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

Value: TypeAlias = str | int | float | None
TEXT = 11
"""Size of letters in units of the drawing."""
LETTER = 6.1
"""Width of a letter of that size, about."""


@dataclass(frozen=True)
class Shape:
    """An element, its attributes, and what is in it."""

    tag: str
    attributes: dict[str, str]
    children: tuple[Shape | str, ...] = ()

    def tree(self) -> list[Any]:
        """As plain JSON: tag, attributes, children."""
        inside = [one if isinstance(one, str) else one.tree() for one in self.children]
        return [self.tag, self.attributes, inside] if inside else [self.tag, self.attributes]

    def markup(self) -> str:
        """As XML; every text and value escaped."""
        pairs = "".join(f" {name}={quoteattr(text)}" for name, text in self.attributes.items())
        inside = "".join(
            escape(one) if isinstance(one, str) else one.markup() for one in self.children
        )
        return f"<{self.tag}{pairs}>{inside}</{self.tag}>" if inside else f"<{self.tag}{pairs}/>"


@dataclass(frozen=True)
class Figure:
    """A drawing with its title, what it shows in words, and the same as a table.

    ``least`` is the width in pixels below which it cannot be read: it scrolls there.
    """

    name: str
    title: str
    alt: str
    drawing: Shape
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]] = ()
    least: int = 0
    note: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "alt": self.alt,
            "drawing": self.drawing.tree(),
            "heads": list(self.heads),
            "rows": [list(row) for row in self.rows],
            "least": self.least,
            "note": self.note,
            **self.more,
        }


def shape(tag: str, *children: Shape | str | None, **attributes: Value) -> Shape:
    """An element; ``class_`` and ``data_x`` become ``class`` and ``data-x``, None is left out."""
    named = {
        name.rstrip("_").replace("_", "-"): text(value)
        for name, value in attributes.items()
        if value is not None
    }
    return Shape(tag, named, tuple(child for child in children if child is not None))


def canvas(width: float, height: float, *children: Shape | None) -> Shape:
    """The drawing itself; what it shows is told by the figure around it."""
    box = f"0 0 {text(width)} {text(height)}"
    drawn = shape("svg", *children, width=width, height=height, class_="drawing")
    return Shape("svg", {"viewBox": box, **drawn.attributes}, drawn.children)


def label(content: str, x: float, y: float, kind: str = "", anchor: str = "") -> Shape:
    """A text; ``anchor`` is where of it x is: middle or end."""
    return shape("text", content, x=x, y=y, class_=kind or None, text_anchor=anchor or None)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Shape:
    """A straight line."""
    return shape("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def path(points: Sequence[tuple[float, float]], kind: str, **attributes: Value) -> Shape:
    """A line through the points."""
    way = "L".join(f"{text(x)} {text(y)}" for x, y in points)
    return shape("path", d=f"M{way}", class_=kind, **attributes)


def fitting(content: str, width: float) -> str:
    """The text, cut where it would be wider."""
    most = max(1, int(width / LETTER))
    return content if len(content) <= most else f"{content[: most - 1]}…"


def text(value: Value) -> str:
    """A number with one decimal at most."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
