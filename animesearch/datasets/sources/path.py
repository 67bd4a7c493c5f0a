"""A path whose kind is found by looking at it."""

from __future__ import annotations

import os
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
)
from animesearch.errors import DataError, did_you_mean


@SOURCES.register
class PathSource(SourceSpec):
    """A tar, a folder of class folders, or a folder of images: whatever stands at the path."""

    name: Literal["path"] = "path"
    path: str = Field(min_length=1, pattern=r"^[^\x00]*$", description="a tar or a folder")

    @override
    def located(self) -> SourceSpec:
        """The source that fits what is there."""
        place = Path(self.path).expanduser().absolute()
        name = _kind(place)
        if name is None:
            raise DataError(self._missing(place))
        return SOURCES.parse({"name": name, "path": str(place)}).located()

    def _missing(self, place: Path) -> str:
        hint = did_you_mean(self.path, SOURCES.names())
        names = ", ".join(word for word in SOURCES.names() if word != "path")
        return (
            f"no folder and no tar at '{self.path}' (looked at {place})"
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


def _kind(place: Path) -> str | None:
    try:
        if place.is_dir():
            return "classes" if has_class_folders(place) else "folder"
        return "tar" if place.is_file() else None
    except OSError as fault:
        raise DataError(f"'{place}' cannot be looked at: {fault.strerror}") from fault


def has_class_folders(root: Path) -> bool:
    """Whether all images lie exactly one level down, in two or more folders."""
    from animesearch.datasets.walk import walk

    files = [path for path, _ in walk(root).files]
    classes = {path.split(b"/", 1)[0] for path in files if path.count(b"/") == 1}
    elsewhere = (path for path in files if path.count(b"/") != 1)
    return len(classes) >= 2 and not any(_is_image(root, path) for path in elsewhere)


def _is_image(root: Path, path: bytes) -> bool:
    from animesearch.datasets.decode import looks_like_image

    try:
        with (root / os.fsdecode(path)).open("rb") as file:
            return looks_like_image(file.read(16))
    except OSError:
        return False
