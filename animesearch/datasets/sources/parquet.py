"""Parquet files with an image column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place
from animesearch.datasets.refusals import METADATA_MALFORMED, OF_METADATA, OF_PARQUET
from animesearch.datasets.sources.base import SOURCES, Item, Listing, Memory, Payload, Progress
from animesearch.datasets.sources.placed import PlacedSource, Standing

if TYPE_CHECKING:
    from animesearch.datasets.parquetcolumns import Wanted


@SOURCES.register
class ParquetSource(PlacedSource):
    """A Parquet file, or a folder of them, with an image column as Hugging Face writes it."""

    reasons: ClassVar[dict[str, str]] = {
        **OF_PARQUET,
        METADATA_MALFORMED: OF_METADATA[METADATA_MALFORMED],
    }
    stands: ClassVar[Standing] = ("file", "folder")

    name: Literal["parquet"] = "parquet"
    path: Place = Field(description="the file or the folder, or its URI (s3://bucket/folder)")
    image_column: str = Field(
        "auto",
        min_length=1,
        description="column of bytes, or of structs with bytes and path; auto = the one there is",
    )
    label_column: str = Field(
        "auto",
        min_length=1,
        description="column of class names or numbers; auto = Hugging Face's ClassLabel, or one "
        "named label; none = no labels",
    )
    tags_column: str = Field(
        "auto",
        min_length=1,
        description="column of tags: text, or lists of it; auto = tags or tag_string; none",
    )

    @property
    def _wanted(self) -> Wanted:
        from animesearch.datasets.parquetcolumns import Wanted

        return Wanted(self.image_column, self.label_column, self.tags_column)

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Hashes every image, row group by row group."""
        from animesearch.datasets.parquet import list_parquet

        return list_parquet(self.tree, self._wanted, memory, progress)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Reads the row groups that the items lie in."""
        from animesearch.datasets.parquet import read_parquet

        return read_parquet(self.tree, self._wanted, items)
