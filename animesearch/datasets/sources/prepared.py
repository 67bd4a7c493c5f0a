"""A set that was prepared before: ``animesearch data prepare`` writes one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place, is_uri
from animesearch.datasets.sources.base import (
    SOURCES,
    Drawn,
    Item,
    Listing,
    Memory,
    Payload,
    Progress,
)
from animesearch.datasets.sources.placed import PlacedSource, Standing
from animesearch.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from animesearch.datasets.packed import PackedDataset


@SOURCES.register
class PreparedSource(PlacedSource):
    """The images of a folder that ``data prepare`` wrote, with their labels and tags.

    They are hashed by their pixels.  Sizes, steps and held-out parts apply anew: an image that was
    held out there is one among the others here.
    """

    stands: ClassVar[Standing] = ("folder",)

    name: Literal["prepared"] = "prepared"
    path: Place = Field(description="the folder, on this machine")

    @override
    def located(self) -> Self:
        """See the base class; a set that is incomplete is refused here."""
        if is_uri(self.path):
            raise DataError(
                f"'{self.path}': a prepared set is mapped into memory, so it must lie on this "
                "machine or a file system that is mounted here"
            )
        found = super().located()
        found._opened()
        return found

    def _opened(self) -> PackedDataset:
        from animesearch.datasets.packed import PackedDataset

        return PackedDataset.open(Path(self.path))

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Every packed image, by the hash of its pixels."""
        packed = self._opened()
        labels: Sequence[str | None] = packed.labels or [None] * packed.count
        rows = zip(packed.names, labels, packed.tags, packed.images_NCHW, strict=True)
        items = [
            Item(name, pixels_hash(image), image.nbytes, label, offset=row, tags=tuple(tags))
            for row, (name, label, tags, image) in enumerate(rows)
        ]
        progress("hash", len(items), len(items))
        return Listing.of(items)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """Rows of the mapped file; none where it is gone or has changed."""
        try:
            images_NCHW = self._opened().images_NCHW
        except DataError:
            yield from ((item, None) for item in items)
            return
        for item in items:
            image_CHW = images_NCHW[item.offset]
            same = pixels_hash(image_CHW) == item.sha256
            yield item, Drawn(_rgb(image_CHW), item.tags) if same else None


def pixels_hash(image_CHW: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) of the shape and the bytes of one image."""
    digest = hashlib.sha256(repr(image_CHW.shape).encode())
    digest.update(image_CHW.tobytes())
    return digest.hexdigest()


def _rgb(image_CHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3); a grey image three times."""
    import numpy as np

    image_HWC = image_CHW.transpose(1, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(image_HWC, (*image_HWC.shape[:2], 3)))
