"""A folder with images anywhere below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place, short_name
from animesearch.datasets.sources.base import (
    SOURCES,
    Item,
    Listing,
    Memory,
    Payload,
    Progress,
    SourceSpec,
)
from animesearch.errors import DataError


class FolderPath(SourceSpec):
    """A source that is a folder on the disk or in a bucket."""

    path: Place = Field(description="the folder, or its URI (s3://bucket/folder)")

    @override
    def located(self) -> FolderPath:
        """See the base class."""
        from animesearch.datasets.tree import locate

        place, kind = locate(self.path, "folder")
        if kind != "folder":
            raise DataError(f"'{self.path}' is a file; source '{self.name}' reads a folder")
        return self.model_copy(update={"path": place})

    @override
    def describe(self) -> str:
        """See the base class."""
        return f"{self.name} {short_name(self.path)}"

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Reads files."""
        from animesearch.datasets.tree import tree_at
        from animesearch.datasets.walk import read_files

        return read_files(tree_at(self.path), items)


@SOURCES.register
class FolderSource(FolderPath):
    """Every image anywhere below a folder; links are not followed."""

    name: Literal["folder"] = "folder"

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Hashes every regular file."""
        from animesearch.datasets.tree import tree_at
        from animesearch.datasets.walk import hashed

        tree = tree_at(self.path)
        found = tree.walk()
        items = hashed(tree, found.files, found, memory, progress)
        return Listing.of(items, found.refused)
