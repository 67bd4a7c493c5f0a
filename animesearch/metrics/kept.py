"""Features of real images on the disk, under what they depend on.

One file a set, an uncompressed ``.npz``: ``features_ND`` (float32, in the order of the images),
``about`` (JSON: the identity, whose hash names the file, and notes) and ``sha256``, over both,
which is checked whenever the file is read.  It is read block by block, so that a part of a large
set takes the memory of that part.  Logits are not kept: no measure reads those of the reals.
"""

from __future__ import annotations

import hashlib
import json
import logging
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.files import canonical_json, content_id, replacing

MOST_BYTES: Final = 2 * 1024**3
"""Features beyond this are not kept, nor held in memory: 419,000 images of lite0."""
BLOCK: Final = 1024
"""Images whose features are read at a time."""

ITEM: Final = 4
"""Bytes of a float32."""

Features: TypeAlias = npt.NDArray[np.float32]
Rows: TypeAlias = npt.NDArray[np.int64] | range
"""Places of images, ascending."""

BROKEN: Final = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,  # an entry that says it is encrypted, or compressed in an unknown way
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged ``.npz`` may raise."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Kept:
    """Features (N, D) of the images that were asked for, and the notes kept with all of them."""

    features_ND: Features
    notes: Mapping[str, Any] = field(default_factory=dict)


def kept_path(cache: Path, identity: Mapping[str, Any]) -> Path:
    """Where the features of this identity lie."""
    return cache / "features" / f"{content_id(identity, length=32)}.features.npz"


def few_enough(count: int, dim: int) -> bool:
    """Whether the features of ``count`` images may be kept."""
    return count * dim * ITEM <= MOST_BYTES


def warn_of_size(count: int, dim: int) -> None:
    """Says that features are too many to be kept."""
    _log.warning(
        "features of %s images take %.1f GB, more than the %.1f GB that are kept: each use "
        "computes them anew",
        f"{count:,}",
        count * dim * ITEM / 1e9,
        MOST_BYTES / 1e9,
    )


def keep(
    path: Path,
    identity: Mapping[str, Any],
    features_ND: Features,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Writes the file, atomically: of two processes at once the later one's stays.

    A disk that refuses costs time, not the result: it is logged.
    """
    about = canonical_json({"identity": identity, "notes": notes or {}})
    features_ND = np.ascontiguousarray(features_ND, dtype="<f4")
    digest = hashlib.sha256(about.encode())
    digest.update(features_ND.data)
    arrays = {"about": np.array(about), "sha256": np.array(digest.hexdigest())}
    try:
        with replacing(path) as file:
            np.savez(file, allow_pickle=False, **arrays, features_ND=features_ND)
    except OSError as error:
        _log.warning("the features of the real images are not kept: %s", error)


def recall(path: Path, identity: Mapping[str, Any], rows: Rows | None = None) -> Kept | None:
    """What was kept under this identity, of all images or of some ``rows``.

    None where nothing was, or what is there is damaged or of another identity.  A damaged file is
    deleted, with a warning, so that the next pass writes it anew.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, identity, rows)
    except FileNotFoundError:  # deleted meanwhile
        return None
    except (*BROKEN, MetricError) as error:
        _log.warning("%s is damaged (%s): computing the features again", path, error)
        if not isinstance(error, OSError):  # which may be of the disk, and pass
            with suppress(OSError):
                path.unlink()
        return None


def _read(archive: zipfile.ZipFile, identity: Mapping[str, Any], rows: Rows | None) -> Kept | None:
    about, expected = (_text(archive, name) for name in ("about", "sha256"))
    found = json.loads(about)
    if canonical_json(found["identity"]) != canonical_json(identity):
        return None
    digest = hashlib.sha256(about.encode())
    with archive.open("features_ND.npy") as stream:
        count, dim = _shape(stream, archive.getinfo("features_ND.npy").file_size)
        features_ND = _chosen(_blocks(stream, count, dim, digest), count, dim, rows)
    if digest.hexdigest() != expected:
        raise MetricError("its content does not match its SHA-256")
    return Kept(features_ND, found["notes"])


def _text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(f"{name}.npy") as stream:
        return str(np.lib.format.read_array(stream, allow_pickle=False))


def _shape(stream: IO[bytes], size: int) -> tuple[int, int]:
    """Rows and columns by the header, which must be of float32 and fit the entry's size."""
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"an array of version {version}")
    shape, columns_first, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype != np.dtype("<f4") or columns_first or len(shape) != 2:
        raise ValueError(f"an array {shape} of {dtype}")
    count, dim = shape
    if stream.tell() + count * dim * ITEM != size:
        raise ValueError(f"an array {shape} in {size} bytes")
    return count, dim


def _blocks(stream: IO[bytes], count: int, dim: int, digest: hashlib._Hash) -> Iterator[Features]:
    for start in range(0, count, BLOCK):
        rows = min(BLOCK, count - start)
        content = stream.read(rows * dim * ITEM)
        digest.update(content)
        yield np.frombuffer(content, dtype="<f4").reshape(rows, dim)


def _chosen(blocks: Iterator[Features], count: int, dim: int, rows: Rows | None) -> Features:
    """The chosen rows of all blocks, each of which is read."""
    places = np.arange(count) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(places) and not 0 <= places[0] <= places[-1] < count:
        raise IndexError(f"images {places[0]} to {places[-1]} of {count}")
    found_ND = np.empty((len(places), dim), dtype=np.float32)
    start = done = 0
    for block_BD in blocks:
        end = int(np.searchsorted(places, start + len(block_BD)))
        found_ND[done:end] = block_BD[places[done:end] - start]
        start, done = start + len(block_BD), end
    return found_ND
