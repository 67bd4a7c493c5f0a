"""Packed rows, arriving in any order, to one Arrow file: training images, then held-out ones."""

from __future__ import annotations

import hashlib
import mmap
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from animesearch.datasets.blocks import CHANGED
from animesearch.datasets.cleaning import Fingerprints
from animesearch.datasets.config import PIPELINE_VERSION, DatasetConfig
from animesearch.datasets.manifest import IMAGES, Manifest, dropped_rows
from animesearch.datasets.packed import HASH_BYTES, PIXELS, SHAPE_KEY
from animesearch.datasets.reasons import Dropped, meaning
from animesearch.datasets.sources.base import Listing
from animesearch.datasets.split import held_out
from animesearch.errors import DataError

RAW: Final = "pixels.raw"


class PackWriter:
    """Collects rows in ``folder``: pixels in a raw file at their places, the rest in memory.

    ``dropped`` are the items that were left out unread, by their index.
    """

    def __init__(
        self,
        config: DatasetConfig,
        listing: Listing,
        folder: Path,
        dropped: Mapping[int, Dropped] | None = None,
    ) -> None:
        count = len(listing.items)
        self._config = config
        self._items = listing.items
        self._folder = folder
        self._refused = list(listing.refused)
        self._dropped = dict(dropped or {})
        self._steps: dict[int, int] = {}
        self._tags: dict[int, list[str]] = {}
        self._kept = np.zeros(count, dtype=bool)
        self._prints = Fingerprints(config.steps, count)
        self._held = held_out(listing.items, config.holdout)
        self._order = np.argsort(self._held, kind="stable")
        self._place = np.empty(count, dtype=np.int64)
        self._place[self._order] = np.arange(count)
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
        columns = (table[name].to_pylist() for name in ("reason", "detail", "step"))
        reasons, details, steps = columns
        for item, reason, detail, step in zip(index.tolist(), reasons, details, steps, strict=True):
            if reason:
                self._drop(item, reason, detail, step)
        kept = np.array([not reason for reason in reasons], dtype=bool)
        self._kept[index[kept]] = True
        self._prints.add(index, table)
        self._write(self._place[index], table.column("pixels").combine_chunks(), kept)
        for item, tags in zip(index.tolist(), table["tags"].to_pylist(), strict=True):
            if tags:
                self._tags[item] = tags

    def _drop(self, index: int, reason: str, detail: str, step: int) -> None:
        name = self._items[index].name
        if reason == CHANGED:
            raise DataError(f"'{name}' changed while the images were read; start again")
        if step <= self._steps.get(index, step):
            self._dropped[index] = Dropped(name, reason, detail)
            self._steps[index] = step
        self._kept[index] = False

    def _write(self, place: NDArray[np.int64], column: pa.Array, kept: NDArray[np.bool_]) -> None:
        """Runs of consecutive places go to the file in one piece each."""
        width = self._config.image_bytes
        pixels = np.frombuffer(column.buffers()[1], dtype=np.uint8)
        rows = pixels[column.offset * width :][: len(column) * width].reshape(len(column), width)
        chosen = np.flatnonzero(kept)
        breaks = np.flatnonzero((np.diff(place[chosen]) != 1) | (np.diff(chosen) != 1)) + 1
        for run in np.split(chosen, breaks):
            if len(run):
                self._raw.seek(int(place[run[0]]) * width)
                self._raw.write(rows[run[0] : run[-1] + 1].data)

    def judge(self) -> None:
        """The verdicts of the steps over the set, once all rows are there."""
        names = [item.name for item in self._items]
        for index, step, refusal in self._prints.verdicts(names):
            self._drop(index, refusal.reason, refusal.detail, step)

    def check_usable(self, least: int) -> None:
        """:class:`DataError` if fewer images than ``least`` are left, or none is held out."""
        held = int((self._kept & self._held).sum())
        count = int(self._kept.sum()) - held
        if count >= least and (held or not self._config.holdout):
            return
        found = len(self._items) + len(self._refused)
        unused = [*self._refused, *self._dropped.values()][:3]
        reasons = "; ".join(f"{d.name}: {meaning(d.reason)} ({d.reason})" for d in unused)
        raise DataError(
            f"{count} of {found} files are usable images (at least {least} are needed)"
            f"{f', {held} are held out' if self._config.holdout else ''}"
            f"{f': {reasons}' if reasons else ''}"
        )

    def finish(self, digest: str, key: str) -> Manifest:
        """Writes the Arrow file; returns the manifest, which the caller saves."""
        self._compact()
        count = int(self._kept.sum())
        with mmap.mmap(self._raw.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            pixels_digest = _digest(mapped)
            self._write_arrow(mapped, count)
        (self._folder / RAW).unlink()
        rows, by_reason = dropped_rows([*self._refused, *self._dropped.values()])
        return Manifest(
            pipeline=PIPELINE_VERSION,
            digest=digest,
            key=key,
            pixels_digest=pixels_digest,
            source=self._config.source.describe(),
            options=self._config.pixel_options(),
            shape=self._config.shape,
            found=len(self._items) + len(self._refused),
            count=count,
            heldout=int((self._kept & self._held).sum()),
            dropped_by_reason=by_reason,
            labels=self._label_counts(),
            dropped=rows,
            files={IMAGES: (self._folder / IMAGES).stat().st_size},
        )

    def _label_counts(self) -> dict[str, int]:
        kept = (self._items[index].label for index in np.flatnonzero(self._kept))
        return dict(sorted(Counter(label for label in kept if label is not None).items()))

    def _compact(self) -> None:
        """Closes the gaps of images that were left out; a row only ever moves to the front."""
        width = self._config.image_bytes
        self._raw.flush()
        for target, place in enumerate(np.flatnonzero(self._kept[self._order]).tolist()):
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
        items = [self._items[index] for index in self._order if self._kept[index]]
        tags = [self._tags.get(item.index, item.tags) for item in items]
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
    with memoryview(mapped) as view:  # a slice of the map itself would be a copy
        for start in range(0, len(view), HASH_BYTES):
            digest.update(view[start : start + HASH_BYTES])
    return digest.hexdigest()
