"""A zip of images, read where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from typing_extensions import override

from animesearch.datasets.refusals import OF_METADATA, OF_ZIP
from animesearch.datasets.sources.base import SOURCES, Item, Memory, Payload, Progress
from animesearch.datasets.sources.tar import ArchivePath

if TYPE_CHECKING:
    from animesearch.datasets.contents import Contents
    from animesearch.datasets.tree import Tree


@SOURCES.register
class ZipSource(ArchivePath):
    """A zip (stored, deflate or bzip2; zip64), read without unpacking; regular members only."""

    reasons: ClassVar[dict[str, str]] = {**OF_METADATA, **OF_ZIP}

    name: Literal["zip"] = "zip"

    @override
    def contents(self, tree: Tree, memory: Memory, progress: Progress) -> Contents:
        """See the base class."""
        from animesearch.datasets.zipped import list_zip

        return list_zip(tree, memory, progress)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Seeks to each member."""
        from animesearch.datasets.zipped import read_zip

        return read_zip(self.tree, items)
