"""What an inspection says: plain numbers and words, as JSON and back.

Counts are of images, shares lie in 0..1, edges are in pixels.  Names are those of the source,
with whatever is no valid Unicode escaped; control characters are still in them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Base of the parts: immutable, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Example(Part):
    """One image, and what exactly was found."""

    name: str
    detail: str


class Count(Part):
    """How many images a reason holds for, and the first of them by name."""

    code: str
    meaning: str
    count: int = Field(ge=0)
    examples: tuple[Example, ...]


class Size(Part):
    """A size, upright, and how many images have it."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    count: int = Field(ge=1)


class Spread(Part):
    """Of the widths or heights of all images."""

    least: int
    median: float
    most: int


class Sizes(Part):
    """``commonest`` holds a few of ``different`` sizes; ``square`` is a share."""

    different: int
    square: float = Field(ge=0, le=1)
    width: Spread
    height: Spread
    commonest: tuple[Size, ...]


class Copies(Part):
    """Redundant copies among ``total`` usable images: all but one of those that are equal."""

    total: int
    by_file: int
    by_pixels: int
    groups: int = Field(description="groups of two or more with equal pixels")

    @property
    def distinct_files(self) -> int:
        """Images that differ in their bytes."""
        return self.total - self.by_file

    @property
    def distinct_pixels(self) -> int:
        """Images that differ in their pixels."""
        return self.total - self.by_pixels


class Pair(Part):
    """An image that would be dropped, and the one that stands for it."""

    dropped: str
    kept: str


class StepFinding(Part):
    """What one cleaning step would drop, were it the only one, with its default options.

    ``asked`` is smaller than the number of usable images where the step is slow: a sample.
    """

    name: str
    summary: str
    asked: int
    drops: int
    sampled: bool
    codes: tuple[Count, ...]


class Unasked(Part):
    """A registered step that was left alone, and why."""

    name: str
    why: str


class TagPair(Part):
    """Two tags that images carry together.

    ``lift`` is how often, relative to tags that do not care for each other (1); ``jaccard`` is the
    share of the images with both among those with either.
    """

    first: str
    second: str
    count: int = Field(ge=1)
    lift: float = Field(ge=0)
    jaccard: float = Field(ge=0, le=1)


class TagStatistics(Part):
    """``counts`` holds every tag, the commonest first; ``pairs`` the commonest pairs.

    Written as the step ``tags`` compares them: small letters, ``_`` for spaces.  Pairs are
    looked for among the ``paired`` commonest tags.
    """

    different: int
    tagged: int
    untagged: int
    paired: int
    counts: dict[str, int]
    pairs: tuple[TagPair, ...]


class Inspection(Part):
    """Everything that was found about a source.

    ``found`` counts all files, ``usable`` those that decode: all but ``refused`` are about them.
    ``bytes`` is the size of the files that were listed.  ``misnamed`` counts names that end like
    another format than the content has; ``turned`` those that EXIF turns or mirrors; ``alpha``
    those that may be transparent.  ``near_duplicates`` come on top of copies by pixels, and
    ``near_pairs`` are a random sample of them.  ``left`` images remain after ``suggestion``.
    """

    version: Literal[1] = 1
    source: str
    found: int = Field(ge=0)
    usable: int = Field(ge=0)
    bytes: int = Field(ge=0)
    refused: tuple[Count, ...]
    formats: dict[str, int]
    misnamed: int
    channels: dict[str, int]
    alpha: int
    animated: int
    turned: int
    sizes: Sizes | None
    copies: Copies
    near_duplicates: int
    near_pairs: tuple[Pair, ...]
    bars: dict[str, int]
    steps: tuple[StepFinding, ...]
    unasked: tuple[Unasked, ...]
    labels: dict[str, int]
    unlabelled: int
    tags: TagStatistics | None
    suggestion: str
    left: int
