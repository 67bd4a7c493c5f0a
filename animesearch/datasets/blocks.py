"""The work of one Ray Data task: a block of listed items in, blocks of packed rows out.

Pure but for the reading of the source; no Ray here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.decode import decode_image
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.resize import resize
from animesearch.datasets.sources.base import Drawn, Item, Listing, Payload

BLOCK_BYTES: Final = 32 * 1024 * 1024
"""Pixels in one block: bounds the memory of a task and of the driver."""
CHANGED: Final = "changed"
"""Marks an item whose bytes are no longer those that were hashed."""

ITEM_SCHEMA: Final = pa.schema(
    [
        ("name", pa.string()),
        ("sha256", pa.string()),
        ("size", pa.int64()),
        ("path", pa.binary()),
        ("offset", pa.int64()),
        ("index", pa.int64()),
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
    """Reads, decodes and resizes the items of one block.

    Yields tables of at most :data:`BLOCK_BYTES` of pixels: ``index``, ``pixels`` (CHW bytes,
    null for an image that was left out), ``tags``, ``reason`` and ``detail``.
    """
    items = [Item(**row) for row in block.to_pylist()]
    limit = max(1, BLOCK_BYTES // config.image_bytes)
    rows = _Rows(config)
    for item, payload in config.source.read(items, config.size):
        rows.add(item, _pixels(item, payload, config), payload)
        if len(rows.index) >= limit:
            yield rows.table()
            rows = _Rows(config)
    if rows.index:
        yield rows.table()


@dataclass
class _Rows:
    config: DatasetConfig
    index: list[int] = field(default_factory=list)
    pixels: list[bytes | None] = field(default_factory=list)
    tags: list[Sequence[str]] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    detail: list[str] = field(default_factory=list)

    def add(self, item: Item, result: bytes | Dropped | None, payload: Payload) -> None:
        self.index.append(item.index)
        self.pixels.append(result if isinstance(result, bytes) else None)
        self.tags.append(payload.tags if isinstance(payload, Drawn) else ())
        drop = result if isinstance(result, Dropped) else None
        self.reason.append(str(drop.reason) if drop else "" if result else CHANGED)
        self.detail.append(drop.detail if drop else "")

    def table(self) -> pa.Table:
        return pa.table(
            {
                "index": pa.array(self.index, pa.int64()),
                "pixels": pa.array(self.pixels, pa.binary(self.config.image_bytes)),
                "tags": pa.array(self.tags, pa.list_(pa.string())),
                "reason": pa.array(self.reason, pa.string()),
                "detail": pa.array(self.detail, pa.string()),
            }
        )


def _pixels(item: Item, payload: Payload, config: DatasetConfig) -> bytes | Dropped | None:
    """Packed CHW bytes, why there are none, or ``None`` if the source has changed."""
    if isinstance(payload, Drawn):
        return packed_bytes(_grey(payload.pixels) if config.channels == 1 else payload.pixels)
    if payload is None or hashlib.sha256(payload).hexdigest() != item.sha256:
        return None
    image = decode_image(
        payload,
        channels=config.channels,
        background=config.background,
        name=item.name,
        at_least=config.size,
    )
    if isinstance(image, Dropped):
        return image
    return packed_bytes(np.asarray(resize(image, config.size, config.resize, config.background)))


def packed_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W) or (H, W, C) as the bytes of (C, H, W)."""
    if pixels.ndim == 2:
        return pixels.tobytes()
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()


def _grey(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """ITU-R 601 luma, as Pillow computes it."""
    from PIL import Image

    return np.asarray(Image.fromarray(pixels_HWC).convert("L"))
