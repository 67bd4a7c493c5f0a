"""A folder with one folder per class."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from typing_extensions import override

from animesearch.datasets.reasons import Reason
from animesearch.datasets.sources.base import SOURCES, Listing, Memory, Progress
from animesearch.datasets.sources.folder import FolderPath
from animesearch.errors import DataError


@SOURCES.register
class ClassesSource(FolderPath):
    """A folder of class folders (as torchvision's ImageFolder); the class becomes the label."""

    name: Literal["classes"] = "classes"

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Hashes every regular file below a class folder."""
        from animesearch.datasets.walk import hashed

        tree = self.tree
        found = tree.walk()
        for entry in found.files:
            if b"/" not in entry.path:
                found.refuse(entry.path, Reason.NO_CLASS)
        files = [entry for entry in found.files if b"/" in entry.path]
        if not files:
            raise DataError(f"folder '{tree.name}' has no class folders with files in them")
        items = hashed(tree, files, found, memory, progress)
        labelled = (replace(item, label=item.name.split("/", 1)[0]) for item in items)
        return Listing.of(labelled, found.refused)
