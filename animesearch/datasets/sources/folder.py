"""A folder with images anywhere below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place
from animesearch.datasets.sources.base import SOURCES, Item, Listing, Memory, Payload, Progress
from animesearch.datasets.sources.placed import PlacedSource, Standing


class FolderPath(PlacedSource):
    """A source that is a folder on the disk or in a bucket."""

    stands: ClassVar[Standing] = ("folder",)

    path: Place = Field(description="the folder, or its URI (s3://bucket/folder)")

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Reads files."""
        from animesearch.datasets.walk import read_files

        return read_files(self.tree, items)


@SOURCES.register
class FolderSource(FolderPath):
    """Every image anywhere below a folder; links are not followed."""

    name: Literal["folder"] = "folder"

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Hashes every regular file."""
        from animesearch.datasets.walk import hashed

        tree = self.tree
        found = tree.walk()
        items = hashed(tree, found.files, found, memory, progress)
        return Listing.of(items, found.refused)
