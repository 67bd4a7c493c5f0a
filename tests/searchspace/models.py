"""A small model of a space file: two registries, components within components."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated, Literal

import pytest
from pydantic import Field, field_validator, model_validator

from animesearch.errors import SpaceError
from animesearch.registry import Options, Registry, Spec
from animesearch.searchspace import Scalar, Space, parse_space


class BodySpec(Spec):
    """Options of a body."""


class PaintSpec(Spec):
    """Options of a paint."""


BODIES: Registry[BodySpec] = Registry("body", BodySpec)
PAINTS: Registry[PaintSpec] = Registry("paint", PaintSpec)


@PAINTS.register
class Plain(PaintSpec):
    """One colour."""

    name: Literal["plain"] = "plain"
    gloss: float = Field(0.5, ge=0, le=1, description="0 matt, 1 mirror")


@PAINTS.register
class Layered(PaintSpec):
    """Paints over paints."""

    name: Literal["layered"] = "layered"
    below: Annotated[PaintSpec, PAINTS.field()] = Field("plain", description="the paint below")
    coats: int = Field(2, ge=1, le=8)


@BODIES.register
class Round(BodySpec):
    """A round body."""

    name: Literal["round"] = "round"
    width: int = Field(16, ge=4, le=512, multiple_of=4, description="in pixels")
    paint: Annotated[PaintSpec, PAINTS.field()] = "plain"  # type: ignore[assignment]
    edge: Literal["none", "soft", "hard"] = "none"


@BODIES.register
class SquareBody(BodySpec):
    """A square body."""

    name: Literal["square"] = "square"
    sides: tuple[float, float] = (1.0, 1.0)
    paints: list[Annotated[PaintSpec, PAINTS.field()]] = Field(default_factory=list)


class Motor(Options):
    """A motor."""

    lr: float = Field(0.001, gt=0, lt=10)
    beta: float = Field(0.5, ge=0, lt=1)
    warm: bool = False
    limit: int | None = Field(None, ge=1)


class Trial(Options):
    """What is searched."""

    body: Annotated[BodySpec, BODIES.field()] = Field(description="the body")
    left: Motor = Motor()
    right: Motor = Motor()
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = 64
    shift: float = 0.0
    note: str | None = None
    extra: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_heavy_square(self) -> Trial:
        if self.body.name == "square" and self.batch == 13:
            raise ValueError("a square body takes no batch of 13")
        return self


class Search(Options):
    """What belongs to the whole search."""

    trials: int = Field(10, ge=1)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    eta: float = 2.0

    @field_validator("eta", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return 3.0 if value == "three" else value


class File(Options):
    """A space file."""

    title: str
    trial: Trial
    search: Search = Search()


FULL = b"""# A space with everything
title: all
trial:
  body:
    choice:
      - name: round
        width: {choice: [16, 32]}
        paint:
          choice:
            - plain
            - {name: layered, coats: {int: [1, 3]}}
            - {name: layered, label: glossy, below: {name: plain, gloss: {uniform: [0.5, 1]}}}
        edge: {choice: [none, soft]}
      - {name: square, paints: [plain, {name: plain, gloss: {choice: [0.1, 0.2]}}]}
  left: {lr: {loguniform: [1e-4, 1e-2]}, beta: 0.5}
  right:
    lr: {normal: [0.1, 0.05], low: 0.01}
    limit: {choice: [null, 5]}
  batch: {logint: [8, 64]}
search: {trials: 5}
"""


class RandomSuggest:
    """Uniform draws from a seeded generator; keeps the names that it was asked for."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.asked: list[str] = []

    def categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        self.asked.append(name)
        return self.random.choice(choices)

    def uniform(self, name: str, low: float, high: float, log: bool = False) -> float:
        self.asked.append(name)
        return self.random.uniform(low, high)

    def integer(self, name: str, low: int, high: int, log: bool = False) -> int:
        self.asked.append(name)
        return self.random.randint(low, high)


def space_of(trial: str, *overrides: str) -> Space:
    """The space with ``trial`` (flow style) as its trial."""
    return parse_space(f"title: t\ntrial: {trial}\n".encode(), "t.yaml", File, overrides)


def mistakes(text: str | bytes, *overrides: str) -> dict[str, tuple[int | None, str]]:
    """Line and message (with hint) by path, of a file that is refused."""
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(SpaceError) as caught:
        parse_space(raw, "bad.yaml", File, overrides)
    found = {p.path: (p.line, f"{p.message} {p.hint}".strip()) for p in caught.value.problems}
    assert len(found) == len(caught.value.problems), str(caught.value)
    return found


def mistake(trial: str) -> tuple[str, str]:
    """Path and message of the one mistake in ``trial`` (flow style, in line 2)."""
    found = mistakes(f"title: t\ntrial: {trial}\n")
    assert len(found) == 1, found
    [(path, (line, message))] = found.items()
    assert line == 2
    return path, message
