"""A set that was prepared before: ``animesearch data prepare`` writes one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.places import Place
from animesearch.datasets.sources.base import (
    SOURCES,
    Drawn,
    Item,
    Listing,
    Memory,
    PackedPixels,
    Payload,
    Progress,
)
from animesearch.datasets.sources.placed import PlacedSource, Standing
from animesearch.errors import DataError
from animesearch.storage.places import is_uri

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
    path: Place = Field(
        description="the folder, or its URI (s3://bucket/faces): each machine fetches that once"
    )
    pixels: str = Field(
        "",
        pattern="^[0-9a-f]*$",
        description="SHA-256 of its pixels, as its manifest has it; found out where it is not said",
    )

    @override
    def located(self) -> Self:
        """See the base class; a set that is incomplete, or another one, is refused here."""
        if is_uri(self.path):
            from animesearch.datasets.shared import digest_at

            return self.model_copy(update={"pixels": self._same(digest_at(self.path))})
        found = super().located()
        self._same(found._opened().pixels_digest)
        return found

    def _same(self, digest: str) -> str:
        if self.pixels not in ("", digest):
            raise DataError(f"'{self.path}' holds the pixels {digest}, not {self.pixels}")
        return digest

    def _opened(self, progress: Progress | None = None) -> PackedDataset:
        from animesearch.datasets.packed import PackedDataset
        from animesearch.datasets.shared import fetched

        if not is_uri(self.path):
            return PackedDataset.open(Path(self.path))
        tell = None if progress is None else partial(progress, "fetch (bytes)")
        return fetched(self.path, self.pixels, tell=tell)

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Every packed image, by the hash of its pixels."""
        packed = self._opened(progress)
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

    @override
    def packed_pixels(self) -> PackedPixels:
        """By the bytes that are there, whatever the manifest says."""
        from animesearch.datasets.packed import pixels_sha256

        images_NCHW = self._opened().images_NCHW
        return PackedPixels(pixels_sha256(images_NCHW), images_NCHW.shape)


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
