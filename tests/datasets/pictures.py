"""Encoded images, folders and tars for the tests of this package."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def noise(seed: int, height: int = 12, width: int = 16, channels: int = 3) -> NDArray[np.uint8]:
    """Random pixels, uint8 (height, width, channels), or (height, width) for one channel."""
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(seed: int, height: int = 12, width: int = 16) -> bytes:
    """A small RGB PNG, different for each seed."""
    return encoded(Image.fromarray(noise(seed, height, width)))


def write_folder(root: Path, files: Mapping[str, bytes]) -> Path:
    """Files by their relative names."""
    for name, data in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return root


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    """A tar of regular members in the order of the mapping."""
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            add_member(archive, name, data)
    return path


def add_member(archive: tarfile.TarFile, name: str, data: bytes, kind: bytes = b"0") -> None:
    """One member, of any kind."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.type = kind
    archive.addfile(member, io.BytesIO(data))


def silent(_stage: str, _done: int, _total: int) -> None:
    """A progress function for tests that do not look at it."""
