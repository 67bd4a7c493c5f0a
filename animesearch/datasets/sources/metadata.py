"""A folder of images with files that hold their tags."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.kinds import ClassChoice
from animesearch.datasets.places import Place
from animesearch.datasets.refusals import OF_METADATA
from animesearch.datasets.sources.base import SOURCES, Listing, Memory, Progress
from animesearch.datasets.sources.folder import FolderPath
from animesearch.errors import DataError
from animesearch.storage.places import is_uri


@SOURCES.register
class MetadataSource(FolderPath):
    """A folder of images and their tags, in JSON or JSONL (Danbooru's records, or file and tags).

    A record names its image by ``file``, ``file_name``, ``path`` or Danbooru's ``id``; its tags
    are words, objects with ``name``, or a ``tag_string``.
    """

    reasons: ClassVar[dict[str, str]] = OF_METADATA

    name: Literal["metadata"] = "metadata"
    records: Place = Field(
        "auto",
        description="the file of records, from the folder or by its whole path; auto = "
        "metadata*.json, tags.jsonl and the like, and x.json beside an image x",
    )
    classes: ClassChoice = Field(
        "auto", description="whether folders are classes: auto = as for a path; yes; no"
    )

    @override
    def located(self) -> MetadataSource:
        """See the base class.  Records are looked for in the folder, then where one stands."""
        place = super().located().path
        records = self.records
        if records != "auto" and not is_uri(records) and not is_uri(place):
            records = _found(Path(place), records)
        return self.model_copy(update={"path": place, "records": records})

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Hashes every regular file that holds no records."""
        from animesearch.datasets.annotate import annotated_folder

        return annotated_folder(self.tree, self.records, self.classes, memory, progress)


def _found(folder: Path, records: str) -> str:
    """From the folder where the file lies in it, else its absolute path."""
    file = Path(records).expanduser()
    for place in (folder / file, file.absolute()):
        if place.is_file():
            return str(place.relative_to(folder) if place.is_relative_to(folder) else place)
    raise DataError(f"no file of records '{records}' in folder '{folder.name}' or here")
