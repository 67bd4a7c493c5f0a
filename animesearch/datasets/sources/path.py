"""A path whose kind is found by looking at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place
from animesearch.datasets.sources.base import (
    SOURCES,
    Item,
    Listing,
    Memory,
    Payload,
    Progress,
    SourceSpec,
)
from animesearch.errors import DataError, did_you_mean
from animesearch.storage.places import is_uri

if TYPE_CHECKING:
    from animesearch.datasets.tree import Tree


@SOURCES.register
class PathSource(SourceSpec):
    """A tar, a zip, Parquet, or a folder, with classes or metadata: whatever stands at the path."""

    name: Literal["path"] = "path"
    path: Place = Field(description="an archive, a Parquet file or a folder, or its URI")

    @override
    def located(self) -> SourceSpec:
        """The source that fits what is there."""
        from animesearch.datasets.tree import tree_at

        place = self.path if is_uri(self.path) else str(Path(self.path).expanduser().absolute())
        return SOURCES.parse({"name": self._kind(tree_at(place)), "path": place}).located()

    def _kind(self, tree: Tree) -> str:
        from animesearch.datasets.sniff import file_kind, folder_kind

        there = tree.kind()
        if there == "folder":
            return folder_kind(tree)
        if there != "file":
            raise DataError(self._missing(tree.place))
        try:
            kind = file_kind(tree)
        except OSError as fault:
            raise DataError(f"'{self.path}' cannot be read: {fault.strerror or fault}") from fault
        if kind is None or kind == "image":
            found = "one image" if kind else "neither a tar nor a zip nor Parquet"
            raise DataError(f"'{self.path}' is {found}; a source is a folder or an archive of many")
        return kind

    def _missing(self, place: str) -> str:
        hint = did_you_mean(self.path, SOURCES.names())
        names = ", ".join(word for word in SOURCES.names() if word != "path")
        looked = "" if is_uri(place) else f" (looked at {place})"
        return (
            f"no folder and no tar, zip or Parquet file at '{self.path}'{looked}"
            f"{f'; {hint}' if hint else ''}. Allowed: a path, or one of the sources {names}"
        )

    @override
    def describe(self) -> str:
        """See the base class."""
        return self.located().describe()

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """That of the source which fits."""
        return self.located().listing(memory, progress)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """That of the source which fits."""
        return self.located().read(items, size)
