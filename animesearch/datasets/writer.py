"""Packed rows, arriving in any order, to one Arrow file in name order."""

from __future__ import annotations

import hashlib
import mmap
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from animesearch.datasets.blocks import CHANGED
from animesearch.datasets.config import PIPELINE_VERSION, DatasetConfig
from animesearch.datasets.manifest import IMAGES, Manifest, dropped_rows
from animesearch.datasets.packed import HASH_BYTES, PIXELS, SHAPE_KEY
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources.base import Listing
from animesearch.errors import DataError

RAW: Final = "pixels.raw"


class PackWriter:
    """Collects rows in ``folder``: pixels in a raw file at their places, the rest in memory."""

    def __init__(self, config: DatasetConfig, listing: Listing, folder: Path) -> None:
        self._config = config
        self._items = listing.items
        self._folder = folder
        self._dropped = list(listing.refused)
        self._refused = len(listing.refused)
        self._tags: dict[int, list[str]] = {}
        self._kept = np.zeros(len(listing.items), dtype=bool)
        self._raw = (folder / RAW).open("w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.close()

    def add(self, table: pa.Table) -> None:
        """Takes rows of :func:`~animesearch.datasets.blocks.pack_block`.

        Raises :class:`DataError` if the source has changed since it was hashed.
        """
        index: NDArray[np.int64] = table["index"].to_numpy()
        reasons = table["reason"].to_pylist()
        details = table["detail"].to_pylist()
        for place, reason, detail in zip(index.tolist(), reasons, details, strict=True):
            if reason:
                self._drop(place, reason, detail)
        kept = np.array([not reason for reason in reasons], dtype=bool)
        self._kept[index[kept]] = True
        self._write(index, table.column("pixels").combine_chunks(), kept)
        for place, tags in zip(index.tolist(), table["tags"].to_pylist(), strict=True):
            if tags:
                self._tags[place] = tags

    def _drop(self, place: int, reason: str, detail: str) -> None:
        name = self._items[place].name
        if reason == CHANGED:
            raise DataError(f"'{name}' changed while the images were read; start again")
        self._dropped.append(Dropped(name, Reason(reason), detail))

    def _write(self, index: NDArray[np.int64], column: pa.Array, kept: NDArray[np.bool_]) -> None:
        """Runs of consecutive places go to the file in one piece each."""
        width = self._config.image_bytes
        pixels = np.frombuffer(column.buffers()[1], dtype=np.uint8)
        rows = pixels[column.offset * width :][: len(column) * width].reshape(len(column), width)
        chosen = np.flatnonzero(kept)
        breaks = np.flatnonzero((np.diff(index[chosen]) != 1) | (np.diff(chosen) != 1)) + 1
        for run in np.split(chosen, breaks):
            if len(run):
                self._raw.seek(int(index[run[0]]) * width)
                self._raw.write(rows[run[0] : run[-1] + 1].data)

    def check_usable(self, least: int) -> None:
        """:class:`DataError` if fewer images than ``least`` are left."""
        count = int(self._kept.sum())
        if count >= least:
            return
        unused = self._dropped[:3]
        reasons = "; ".join(f"{d.name}: {d.reason.meaning} ({d.reason})" for d in unused)
        raise DataError(
            f"{count} of {len(self._items) + self._refused} files are usable images "
            f"(at least {least} are needed): {reasons}"
        )

    def finish(self, digest: str, key: str) -> Manifest:
        """Writes the Arrow file; returns the manifest, which the caller saves."""
        self._compact()
        count = int(self._kept.sum())
        with mmap.mmap(self._raw.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            pixels_digest = _digest(mapped)
            self._write_arrow(mapped, count)
        (self._folder / RAW).unlink()
        rows, by_reason = dropped_rows(self._dropped)
        return Manifest(
            pipeline=PIPELINE_VERSION,
            digest=digest,
            key=key,
            pixels_digest=pixels_digest,
            source=self._config.source.describe(),
            options=self._config.pixel_options(),
            shape=self._config.shape,
            found=len(self._items) + self._refused,
            count=count,
            dropped_by_reason=by_reason,
            labels=self._label_counts(),
            dropped=rows,
            files={IMAGES: (self._folder / IMAGES).stat().st_size},
        )

    def _label_counts(self) -> dict[str, int]:
        kept = (self._items[place].label for place in np.flatnonzero(self._kept))
        return dict(sorted(Counter(label for label in kept if label is not None).items()))

    def _compact(self) -> None:
        """Closes the gaps of images that were left out; a row only ever moves to the front."""
        width = self._config.image_bytes
        self._raw.flush()
        for target, place in enumerate(np.flatnonzero(self._kept).tolist()):
            if target != place:
                self._raw.seek(place * width)
                row = self._raw.read(width)
                self._raw.seek(target * width)
                self._raw.write(row)
        self._raw.truncate(int(self._kept.sum()) * width)
        self._raw.flush()

    def _write_arrow(self, mapped: mmap.mmap, count: int) -> None:
        """One record batch, so that all pixels stand in one piece."""
        width = self._config.image_bytes
        items = [self._items[place] for place in np.flatnonzero(self._kept)]
        tags = [self._tags.get(item.index, []) for item in items]
        pixels = pa.Array.from_buffers(pa.binary(width), count, [None, pa.py_buffer(mapped)])
        batch = pa.record_batch(
            {
                "name": pa.array([item.name for item in items], pa.string()),
                "label": pa.array([item.label for item in items], pa.string()),
                "tags": pa.array(tags, pa.list_(pa.string())),
                "sha256": pa.array([bytes.fromhex(i.sha256) for i in items], pa.binary(32)),
                PIXELS: pixels,
            }
        )
        shape = ",".join(str(edge) for edge in self._config.shape)
        schema = batch.schema.with_metadata({SHAPE_KEY: shape.encode()})
        target = str(self._folder / IMAGES)
        with pa.OSFile(target, "wb") as sink, pa.ipc.new_file(sink, schema) as out:
            out.write_batch(batch.replace_schema_metadata(schema.metadata))
        # The map closes only when nothing refers to it any more.
        del batch, pixels


def _digest(mapped: mmap.mmap) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(mapped), HASH_BYTES):
        digest.update(mapped[start : start + HASH_BYTES])
    return digest.hexdigest()
