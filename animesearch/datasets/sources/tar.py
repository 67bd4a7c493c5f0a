"""A tar of images, read where it stands."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.kinds import ClassChoice
from animesearch.datasets.places import Place
from animesearch.datasets.refusals import OF_METADATA
from animesearch.datasets.sources.base import SOURCES, Item, Listing, Memory, Payload, Progress
from animesearch.datasets.sources.placed import PlacedSource, Standing
from animesearch.errors import DataError

if TYPE_CHECKING:
    from animesearch.datasets.contents import Contents
    from animesearch.datasets.tree import Tree


class ArchivePath(PlacedSource):
    """A source that is an archive, on the disk or in a bucket."""

    stands: ClassVar[Standing] = ("file",)
    reasons: ClassVar[dict[str, str]] = OF_METADATA

    path: Place = Field(description="the archive, or its URI (s3://bucket/images.tar)")
    classes: ClassChoice = Field(
        "auto",
        description="whether folders are classes: auto = if all images lie one level below their "
        "common folder, in two or more folders that are no splits (train) and no buckets (0001)",
    )
    tags: str = Field(
        "auto",
        min_length=1,
        description="member that holds tags (JSON or JSONL); auto = metadata*.json, tags.jsonl and "
        "the like, and x.json beside an image x; or none",
    )

    @override
    def located(self) -> Self:
        """See the base class."""
        found = super().located()
        try:
            found.tree.open().close()
        except OSError as fault:
            why = fault.strerror or fault
            raise DataError(f"{self.name} '{self.path}' cannot be read: {why}") from fault
        return found

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """One pass over the archive, hashing every regular member."""
        from animesearch.datasets.annotate import annotated

        tree = self.tree
        contents = self.contents(tree, memory, progress)
        return annotated(
            contents, self.classes, self.tags, tree.name, lambda items: self.read(items, 0)
        )

    @abc.abstractmethod
    def contents(self, tree: Tree, memory: Memory, progress: Progress) -> Contents:
        """Its members.  :class:`DataError` if it cannot be read at all."""


@SOURCES.register
class TarSource(ArchivePath):
    """A tar (plain, gzip, bzip2, xz or zstd), read without unpacking; regular members only."""

    name: Literal["tar"] = "tar"

    @override
    def contents(self, tree: Tree, memory: Memory, progress: Progress) -> Contents:
        """See the base class."""
        from animesearch.datasets.archive import list_tar

        return list_tar(tree, memory, progress)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Seeks in a plain tar; passes once over a compressed one."""
        from animesearch.datasets.archive import read_tar

        return read_tar(self.tree, items)
