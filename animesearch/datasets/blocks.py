"""The work of one Ray Data task: a block of listed items in, blocks of packed rows out.

Pure but for the reading of the source; no Ray here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from animesearch.datasets.cleaning import BEFORE, clean, column_name, looks_at_pixels, set_steps
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.decode import decode_image
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.resize import resize
from animesearch.datasets.sources.base import Drawn, Item, Listing, Payload
from animesearch.datasets.steps import Refusal

BLOCK_BYTES: Final = 32 * 1024 * 1024
"""Pixels in one block: bounds the memory of a task and of the driver."""
CHANGED: Final = "changed"
"""Marks an item whose bytes are no longer those that were hashed."""

ITEM_SCHEMA: Final = pa.schema(
    [
        ("name", pa.string()),
        ("sha256", pa.string()),
        ("size", pa.int64()),
        ("label", pa.string()),
        ("path", pa.binary()),
        ("offset", pa.int64()),
        ("index", pa.int64()),
        ("tags", pa.list_(pa.string())),
    ]
)


def item_blocks(listing: Listing, image_bytes: int, cpus: int) -> list[pa.Table]:
    """The items as few large blocks, each with consecutive places in the source."""
    count = len(listing.items)
    items = listing.items
    if listing.sequential:
        items = tuple(sorted(items, key=lambda item: item.offset))
        rows = -(-count // cpus)
    else:
        rows = min(max(1, BLOCK_BYTES // image_bytes), max(64, -(-count // (8 * cpus))))
    return [_table(items[start : start + rows]) for start in range(0, count, rows)]


def _table(items: Sequence[Item]) -> pa.Table:
    columns = [[getattr(item, name) for item in items] for name in ITEM_SCHEMA.names]
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, ITEM_SCHEMA, strict=True)],
        schema=ITEM_SCHEMA,
    )


def pack_block(block: pa.Table, config: DatasetConfig) -> Iterator[pa.Table]:
    """Reads, decodes, cleans and resizes the items of one block.

    Yields tables of at most :data:`BLOCK_BYTES` of pixels: ``index``, ``pixels`` (CHW bytes,
    null for an image that was left out), ``tags`` (of drawn images), ``reason`` and ``detail``,
    ``step`` (the place of the step that left it out), and for each step over the set a column of
    fingerprints (null where the image was left out before).
    """
    items = [_item(row) for row in block.to_pylist()]
    limit = max(1, BLOCK_BYTES // config.image_bytes)
    rows = _Rows(config)
    for item, payload in config.source.read(items, config.size):
        rows.add(item, _packed(item, payload, config), payload)
        if len(rows.index) >= limit:
            yield rows.table()
            rows = _Rows(config)
    if rows.index:
        yield rows.table()


def _item(row: dict[str, Any]) -> Item:
    return Item(**{**row, "tags": tuple(row["tags"])})


@dataclass(frozen=True)
class _Packed:
    """One image: its CHW bytes, or why there are none."""

    pixels: bytes | None = None
    reason: str = ""
    detail: str = ""
    step: int = BEFORE
    prints: Mapping[int, bytes] = field(default_factory=dict)


@dataclass
class _Rows:
    config: DatasetConfig
    index: list[int] = field(default_factory=list)
    tags: list[Sequence[str]] = field(default_factory=list)
    packed: list[_Packed] = field(default_factory=list)

    def add(self, item: Item, packed: _Packed, payload: Payload) -> None:
        self.index.append(item.index)
        self.tags.append(payload.tags if isinstance(payload, Drawn) else ())
        self.packed.append(packed)

    def table(self) -> pa.Table:
        pixels = pa.array([row.pixels for row in self.packed], pa.binary(self.config.image_bytes))
        columns = {
            "index": pa.array(self.index, pa.int64()),
            "pixels": pixels,
            "tags": pa.array(self.tags, pa.list_(pa.string())),
            "reason": pa.array([row.reason for row in self.packed], pa.string()),
            "detail": pa.array([row.detail for row in self.packed], pa.string()),
            "step": pa.array([row.step for row in self.packed], pa.int32()),
        }
        for place, step in set_steps(self.config.steps).items():
            prints = [row.prints.get(place) for row in self.packed]
            columns[column_name(place)] = pa.array(prints, pa.binary(step.width))
        return pa.table(columns)


def _packed(item: Item, payload: Payload, config: DatasetConfig) -> _Packed:
    """Decoded, cleaned and resized."""
    if isinstance(payload, Drawn):
        item = replace(item, tags=payload.tags)
        image: Image.Image | Dropped = Image.fromarray(payload.pixels)
    elif payload is None or hashlib.sha256(payload).hexdigest() != item.sha256:
        return _Packed(reason=CHANGED)
    else:
        image = _decoded(item, payload, config)
    if isinstance(image, Dropped):
        return _Packed(reason=image.reason, detail=image.detail)
    cleaned = clean(item, image, config.steps)
    if isinstance(cleaned.result, Refusal):
        reason, detail = cleaned.result.reason, cleaned.result.detail
        return _Packed(None, reason, detail, cleaned.step, cleaned.prints)
    return _Packed(_pixels(cleaned.result, config), prints=cleaned.prints)


def _decoded(item: Item, data: bytes, config: DatasetConfig) -> Image.Image | Dropped:
    """Steps see every pixel, in colours; without them a large JPEG is decoded reduced."""
    whole = looks_at_pixels(config.steps)
    return decode_image(
        data,
        channels=3 if whole else config.channels,
        background=config.background,
        name=item.name,
        at_least=None if whole else config.size,
    )


def _pixels(image: Image.Image, config: DatasetConfig) -> bytes:
    if config.channels == 1 and image.mode != "L":
        image = image.convert("L")  # ITU-R 601 luma
    return packed_bytes(np.asarray(resize(image, config.size, config.resize, config.background)))


def packed_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W) or (H, W, C) as the bytes of (C, H, W)."""
    if pixels.ndim == 2:
        return pixels.tobytes()
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()
