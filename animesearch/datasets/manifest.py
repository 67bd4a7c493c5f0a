"""What stands beside packed images: counts, reasons, options, digests."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animesearch.datasets.config import PIPELINE_VERSION, DatasetConfig
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Item, Listing
from animesearch.datasets.steps import SetStep
from animesearch.errors import DataError
from animesearch.files import write_atomic

MANIFEST: Final = "manifest.json"
IMAGES: Final = "images.arrow"


class DroppedRow(BaseModel):
    """One image that was left out."""

    name: str
    reason: str
    detail: str


class Manifest(BaseModel):
    """The content of ``manifest.json``.

    ``digest`` is that of the content (see :func:`content_digest`), ``key`` names the cache entry
    (content, names and order), ``pixels_digest`` is the SHA-256 of the packed bytes.  Of the
    ``count`` images the last ``heldout`` are kept from training.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    pipeline: int
    digest: str
    key: str
    pixels_digest: str
    source: str
    options: dict[str, object]
    shape: tuple[int, int, int]
    found: int = Field(ge=0)
    count: int = Field(ge=0)
    heldout: int = Field(0, ge=0)
    dropped_by_reason: dict[str, int]
    labels: dict[str, int]
    dropped: list[DroppedRow]
    files: dict[str, int]

    def save(self, folder: Path) -> None:
        """Writes ``manifest.json``, atomically."""
        write_atomic(folder / MANIFEST, self.model_dump_json(indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads and checks it.  :class:`DataError` if it is missing, broken or of other files."""
        try:
            manifest = cls.model_validate_json((folder / MANIFEST).read_bytes())
            sizes = {name: (folder / name).stat().st_size for name in manifest.files}
        except (OSError, ValidationError) as fault:
            raise DataError(f"no usable packed images in '{folder}': {fault}") from fault
        if sizes != manifest.files:
            raise DataError(f"packed images in '{folder}' are incomplete: {sizes} bytes found")
        return manifest

    def dropped_items(self) -> list[Dropped]:
        """Every image that was left out, with its reason."""
        return [Dropped(row.name, row.reason, row.detail) for row in self.dropped]


def dropped_rows(dropped: list[Dropped]) -> tuple[list[DroppedRow], dict[str, int]]:
    """Rows in name order, and how many of each reason."""
    ordered = sorted(dropped, key=lambda drop: (drop.name, drop.reason))
    rows = [DroppedRow(name=d.name, reason=d.reason, detail=d.detail) for d in ordered]
    return rows, dict(sorted(Counter(str(drop.reason) for drop in dropped).items()))


def content_digest(config: DatasetConfig, listing: Listing) -> str:
    """SHA-256 over the pipeline's version, the options of pixels, and the sorted content hashes.

    With their labels and tags, without names: the same images give the same digest on any
    machine, in a folder or a tar, in any order.  Only steps over the set, which keep the first
    by name of several images, make the order of the names count: the hashes stand in it then.
    """
    digest = hashlib.sha256(config.pixel_key())
    lines = [_line(item) for item in listing.items]
    ordered = any(isinstance(step, SetStep) for step in config.steps)
    for line in lines if ordered else sorted(lines):
        digest.update(line.encode())
    return digest.hexdigest()


def _line(item: Item) -> str:
    if item.tags:
        return json.dumps([item.sha256, item.label, sorted(item.tags)]) + "\n"
    return f"{item.sha256} {item.label or ''}\n"


def cache_key(config: DatasetConfig, listing: Listing) -> str:
    """As :func:`content_digest`, with the names, the order and what was refused."""
    digest = hashlib.sha256(config.pixel_key())
    rows = (
        [item.name, item.label, item.sha256, *([item.tags] if item.tags else ())]
        for item in listing.items
    )
    refused = ([drop.name, drop.reason, drop.detail] for drop in listing.refused)
    for row in (*rows, ["refused"], *refused):
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()


def is_current(manifest: Manifest, key: str) -> bool:
    """Whether a manifest is of this key and this version of the pipeline."""
    return manifest.key == key and manifest.pipeline == PIPELINE_VERSION
