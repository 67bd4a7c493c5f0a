"""The embedded source: drawn faces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.sources.base import (
    SOURCES,
    Drawn,
    Item,
    Listing,
    Memory,
    Payload,
    Progress,
    SourceSpec,
)


@SOURCES.register
class FacesSource(SourceSpec):
    """Anime-style faces drawn by a deterministic program, with their attributes as tags."""

    name: Literal["faces"] = "faces"
    count: int = Field(4000, ge=2, le=1_000_000, description="number of images")
    seed: int = Field(0, ge=0, lt=2**63, description="image i depends on (seed, i) alone")

    @override
    def describe(self) -> str:
        """See the base class."""
        return f"{self.count} drawn faces, seed {self.seed}"

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Nothing is read: the hash is that of the recipe."""
        from animesearch.datasets.drawing.traits import DRAWER_VERSION

        recipe = f"animesearch-face/{DRAWER_VERSION}/{self.seed}"
        width = len(str(self.count - 1))
        return Listing(
            tuple(
                Item(
                    name=f"{index:0{width}d}",
                    sha256=hashlib.sha256(f"{recipe}/{index}".encode()).hexdigest(),
                    index=index,
                )
                for index in range(self.count)
            ),
            draws=True,
        )

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Draws."""
        from animesearch.datasets.drawing.face import draw_face

        for item in items:
            yield item, Drawn(*draw_face(self.seed, item.index, size))
