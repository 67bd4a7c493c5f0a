"""Which cleaning steps are asked what they would drop, and about how many images."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from PIL import Image
from pydantic import ValidationError

from animesearch.datasets.kinds import Rgb
from animesearch.datasets.sources.base import Item, Listing, SourceSpec
from animesearch.datasets.steps import STEPS, ImageStep, MetadataStep, SetStep, StepSpec
from animesearch.errors import DataError, UnsupportedError

SLOW_S: Final = 0.005
"""A step that takes longer for one small image is asked about a sample: 20,000 images would take
minutes.  The steps shipped here take 0.0003 s at most, the detector of faces 0.026 s."""
SAMPLE: Final = 300
"""Images in such a sample, about."""
PROBE_EDGE: Final = 96
PROBES: Final = 3


@dataclass(frozen=True)
class Plan:
    """What a task needs to look at images.

    The ``steps`` at the places ``slow`` are asked about a ``share`` (0..1) of the images only;
    ``size`` is the edge of images that a source draws.
    """

    source: SourceSpec
    steps: tuple[StepSpec, ...]
    slow: frozenset[int] = frozenset()
    share: float = 1.0
    background: Rgb = (255, 255, 255)
    size: int = 64


@dataclass(frozen=True)
class Unasked:
    """A registered step that was left alone, and why."""

    name: str
    why: str


def default_steps(listing: Listing) -> tuple[tuple[StepSpec, ...], tuple[Unasked, ...]]:
    """Every registered step with its default options, those over the set last.

    Left alone are those that have no defaults, that lack a package here, and that do not fit
    what is listed.
    """
    steps: list[StepSpec] = []
    unasked: list[Unasked] = []
    for name in STEPS.names():
        try:
            step = STEPS.parse(name)
            step.available()
            step.fits(listing)
        except ValidationError as fault:
            unasked.append(Unasked(name, f"it needs options: {_message(fault)}"))
        except (UnsupportedError, DataError) as fault:
            unasked.append(Unasked(name, str(fault)))
        else:
            steps.append(step)
    return tuple(sorted(steps, key=_rank)), tuple(unasked)


def _rank(step: StepSpec) -> int:
    kinds = (MetadataStep, ImageStep, SetStep)
    return next(rank for rank, kind in enumerate(kinds) if isinstance(step, kind))


def _message(fault: ValidationError) -> str:
    return fault.errors()[0]["msg"].removeprefix("Value error, ")


def slow_steps(steps: tuple[StepSpec, ...]) -> frozenset[int]:
    """The places of those that are slow."""
    return frozenset(place for place, step in enumerate(steps) if is_slow(step))


def is_slow(step: StepSpec) -> bool:
    """Whether judging an image takes longer than :data:`SLOW_S`, by the clock.

    Steps over the set never are: they mean nothing for a sample.
    """
    if not isinstance(step, ImageStep):
        return False
    from animesearch.datasets.drawing.face import draw_face

    image = Image.fromarray(draw_face(0, 0, PROBE_EDGE)[0])
    took = []
    for _ in range(1 + PROBES):  # the first also loads what the step needs
        start = time.perf_counter()
        step.apply(image)
        took.append(time.perf_counter() - start)
    return min(took[1:]) > SLOW_S


def in_sample(item: Item, share: float) -> bool:
    """Whether an item is in a sample of that share, by its content: the same on any machine."""
    return share >= 1 or int(item.sha256[-8:], 16) < share * 2**32
