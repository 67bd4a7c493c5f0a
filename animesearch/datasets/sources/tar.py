"""A tar of images, read where it stands."""

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


@SOURCES.register
class TarSource(SourceSpec):
    """A tar (plain, gzip, bzip2, xz or zstd), read without unpacking; regular members only."""

    name: Literal["tar"] = "tar"
    path: str = Field(min_length=1, pattern=r"^[^\x00]*$", description="the tar")

    @override
    def located(self) -> TarSource:
        """See the base class."""
        place = existing(self.path, "tar")
        if not place.is_file():
            raise DataError(f"'{self.path}' is no file; source 'tar' reads a tar")
        try:
            place.open("rb").close()
        except OSError as fault:
            raise DataError(f"tar '{self.path}' cannot be read: {fault.strerror}") from fault
        return self.model_copy(update={"path": str(place)})

    @override
    def describe(self) -> str:
        """See the base class."""
        return f"tar {Path(self.path).name}"

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """One pass over the archive, hashing every regular member."""
        from animesearch.datasets.archive import list_tar

        return list_tar(Path(self.path), memory, progress)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Seeks in a plain tar; passes once over a compressed one."""
        from animesearch.datasets.archive import read_tar

        return read_tar(Path(self.path), items)
