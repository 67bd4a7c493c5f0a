"""Packed images: one Arrow file, mapped into memory, and its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from animesearch.datasets.manifest import IMAGES, Manifest
from animesearch.datasets.reasons import Dropped
from animesearch.errors import DataError

PIXELS: Final = "pixels"
SHAPE_KEY: Final = b"shape"
HASH_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class PackedDataset:
    """A prepared set of images, read-only.

    ``images_NCHW`` is uint8, 0..255, a view of the mapped file: opening costs no memory, and
    processes of one machine share the pages.  The first ``train_count`` images (and names, labels,
    tags) are for training, the others are held out of it.  Pickles as the path of its folder.
    """

    folder: Path
    manifest: Manifest
    images_NCHW: NDArray[np.uint8]
    names: list[str]
    labels: list[str] | None
    tags: list[list[str]]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Maps the images and checks rows and shape against the manifest.

        Raises :class:`DataError` for a folder that is missing, incomplete or inconsistent.
        """
        manifest = Manifest.load(folder)
        try:
            table = pa.ipc.open_file(pa.memory_map(str(folder / IMAGES))).read_all()
            images_NCHW = _images(table, manifest)
            labels = table["label"].to_pylist() if manifest.labels else None
            names, tags = table["name"].to_pylist(), table["tags"].to_pylist()
        except (pa.ArrowException, OSError, KeyError, ValueError) as fault:
            raise DataError(f"packed images in '{folder}' are broken: {fault}") from fault
        return cls(folder, manifest, images_NCHW, names, labels, tags)

    def __reduce__(self) -> tuple[Callable[[Path], PackedDataset], tuple[Path]]:
        return PackedDataset.open, (self.folder,)

    def __len__(self) -> int:
        return self.count

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.images_NCHW)

    @property
    def digest(self) -> str:
        """Digest of the content: sources, options, pipeline (hex)."""
        return self.manifest.digest

    @property
    def train_count(self) -> int:
        """Images for training: the first so many."""
        return self.manifest.count - self.manifest.heldout

    @property
    def train_images(self) -> NDArray[np.uint8]:
        """The images for training, uint8 (train_count, C, H, W), a view."""
        return self.images_NCHW[: self.train_count]

    @property
    def heldout_images(self) -> NDArray[np.uint8]:
        """The images held out of training, a view as above; none unless ``holdout`` is set."""
        return self.images_NCHW[self.train_count :]

    @property
    def pixels_digest(self) -> str:
        """SHA-256 of the packed bytes (hex)."""
        return self.manifest.pixels_digest

    @cached_property
    def dropped(self) -> list[Dropped]:
        """Every image that was left out, with its reason."""
        return self.manifest.dropped_items()

    def verify_pixels(self) -> None:
        """Reads every byte; :class:`DataError` if they are not those that were packed."""
        found = pixels_sha256(self.images_NCHW)
        if found != self.pixels_digest:
            raise DataError(
                f"packed images in '{self.folder}' have changed on the disk: SHA-256 {found}, "
                f"packed as {self.pixels_digest}"
            )


def pixels_sha256(images_NCHW: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) of the bytes of the array, piece by piece."""
    flat = images_NCHW.reshape(-1)
    digest = hashlib.sha256()
    for start in range(0, flat.size, HASH_BYTES):
        digest.update(flat[start : start + HASH_BYTES].data)
    return digest.hexdigest()


def _images(table: pa.Table, manifest: Manifest) -> NDArray[np.uint8]:
    """The pixel column as an array, without a copy."""
    chunks = table[PIXELS].chunks
    if len(chunks) != 1 or table.num_rows != manifest.count:
        rows = f"{table.num_rows} rows in {len(chunks)} pieces"
        raise ValueError(f"{rows}; the manifest says {manifest.count} in one")
    column = chunks[0]
    flat = np.frombuffer(column.buffers()[1], dtype=np.uint8)
    flat = flat[column.offset * column.type.byte_width :]
    size = manifest.count * column.type.byte_width
    return flat[:size].reshape(manifest.count, *manifest.shape)
