"""What the sources share that lie at one place."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place
from animesearch.datasets.sources.base import SourceSpec
from animesearch.errors import DataError
from animesearch.storage.places import short_name

if TYPE_CHECKING:
    from animesearch.datasets.tree import Tree


Standing: TypeAlias = tuple[Literal["file", "folder"], ...]
"""What may stand at a place."""


class PlacedSource(SourceSpec, abc.ABC):
    """A source that is one file or one folder, on the disk or in a bucket."""

    stands: ClassVar[Standing]
    """What it reads."""

    path: Place = Field(description="where the images lie")

    @property
    def tree(self) -> Tree:
        """The files at the place."""
        from animesearch.datasets.tree import tree_at

        return tree_at(self.path)

    @override
    def located(self) -> Self:
        """See the base class."""
        from animesearch.datasets.tree import locate

        place, kind = locate(self.path, self.name if "file" in self.stands else "folder")
        if kind not in self.stands:
            found = "neither a file nor a folder" if kind == "other" else f"a {kind}"
            wanted = " or a ".join(self.stands)
            raise DataError(f"'{self.path}' is {found}; source '{self.name}' reads a {wanted}")
        return self.model_copy(update={"path": place})

    @override
    def describe(self) -> str:
        """See the base class."""
        return f"{self.name} {short_name(self.path)}"
