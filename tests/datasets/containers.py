"""Zips and Parquet files for the tests of this package."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def zip_bytes(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of the files in the order of the mapping."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def write_zip(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip on the disk."""
    path.write_bytes(zip_bytes(files, method))
    return path


def zip_of(path: Path, members: Sequence[tuple[zipfile.ZipInfo | str, bytes]]) -> Path:
    """A zip of members that may have the same name."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for info, data in members:
            archive.writestr(info, data)
    return path


def set_in_directory(data: bytes, name: str, place: int, kind: str, value: int) -> bytes:
    """A zip with one field (``struct`` format, at a place of the entry) set to another value."""
    changed = bytearray(data)
    entry = data.rindex(b"PK\1\2", 0, data.rindex(name.encode()))
    struct.pack_into(kind, changed, entry + place, value)
    return bytes(changed)


def images_table(
    images: Sequence[bytes | None], paths: Sequence[str | None] | None = None, **columns: object
) -> pa.Table:
    """As Hugging Face writes images, and more columns beside them."""
    names = paths or [None] * len(images)
    rows = [{"bytes": data, "path": path} for data, path in zip(images, names, strict=True)]
    return pa.table({"image": pa.array(rows, IMAGE_TYPE), **columns})


def write_parquet(path: Path, table: pa.Table, **options: object) -> Path:
    """A Parquet file with two rows in a row group, if nothing else is asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **{"row_group_size": 2, **options})
    return path
