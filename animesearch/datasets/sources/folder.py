"""A folder with images anywhere below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.sources.base import (
    SOURCES,
    Item,
    Listing,
    Memory,
    Payload,
    Progress,
    SourceSpec,
    existing,
)
from animesearch.errors import DataError


class FolderPath(SourceSpec):
    """A source that is a folder on the disk."""

    path: str = Field(min_length=1, pattern=r"^[^\x00]*$", description="the folder")

    @override
    def located(self) -> FolderPath:
        """See the base class."""
        place = existing(self.path, "folder")
        if not place.is_dir():
            raise DataError(f"'{self.path}' is a file; source '{self.name}' reads a folder")
        return self.model_copy(update={"path": str(place)})

    @override
    def describe(self) -> str:
        """See the base class."""
        return f"{self.name} {Path(self.path).name}"

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Reads files."""
        from animesearch.datasets.walk import read_files

        return read_files(Path(self.path), items)


@SOURCES.register
class FolderSource(FolderPath):
    """Every image anywhere below a folder; links are not followed."""

    name: Literal["folder"] = "folder"

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Hashes every regular file."""
        from animesearch.datasets.walk import hashed, walk

        root = Path(self.path)
        found = walk(root)
        items = hashed(root, found, memory, progress)
        return Listing.of(items, found.refused)
