"""Synthetic images for ``data.py``: many distinct files from few drawings.

Drawing and encoding 300,000 pictures would take hours and measure nothing.  So a few hundred of
the package's own faces are drawn, varied in width and height, given a little noise (drawn areas
alone compress better than any scan) and encoded as JPEG; every file is one of those encodings
with a comment segment (COM) that holds its number.  All files differ in their bytes and so in
their hashes; each is read, hashed and decoded like any other.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

DISTINCT: Final = 256
"""Different drawings in one set."""
PER_FOLDER: Final = 1000
"""Files in one folder of a set."""

Tell = Callable[[str, int, int], None]


def encodings(edges: tuple[int, int], quality: int, noise: float, tell: Tell) -> list[bytes]:
    """JPEG files whose width and height lie in ``edges`` (pixels, both included).

    ``noise`` is the standard deviation, in levels of 0..255, of what is added to the brightness.
    """
    from PIL import Image

    from animesearch.datasets.drawing.face import draw_face

    lot = np.random.default_rng(0)
    files = []
    for number in range(DISTINCT):
        height, width = lot.integers(edges[0], edges[1] + 1, size=2).tolist()
        drawn, _tags = draw_face(0, number, max(height, width))
        sized = np.asarray(Image.fromarray(drawn).resize((width, height)), dtype=np.float32)
        noisy = sized + lot.normal(0, noise, (height, width, 1))
        buffer = io.BytesIO()
        picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        picture.save(buffer, "JPEG", quality=quality)
        files.append(buffer.getvalue())
        tell("draw", number + 1, DISTINCT)
    return files


def unique(jpeg: bytes, number: int) -> bytes:
    """The same picture in a file of its own: a comment after the header segment of JFIF."""
    if jpeg[:4] != b"\xff\xd8\xff\xe0":
        raise ValueError(f"no JFIF file: starts with {jpeg[:4].hex(' ')}")
    start = 4 + struct.unpack(">H", jpeg[4:6])[0]
    comment = f"image {number}".encode()
    return jpeg[:start] + b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment + jpeg[start:]


def _numbered(files: Sequence[bytes], count: int, tell: Tell) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield (
            f"{number // PER_FOLDER:04d}/{number:07d}.jpg",
            unique(files[number % len(files)], number),
        )
        if number % PER_FOLDER == PER_FOLDER - 1 or number == count - 1:
            tell("write", number + 1, count)


def write_folder(root: Path, files: Sequence[bytes], count: int, tell: Tell) -> Path:
    """``count`` files below ``root``."""
    for name, data in _numbered(files, count, tell):
        target = root / name
        if not target.parent.exists():
            target.parent.mkdir(parents=True)
        target.write_bytes(data)
    return root


def write_tar(path: Path, files: Sequence[bytes], count: int, tell: Tell) -> Path:
    """``count`` members of one plain tar."""
    with tarfile.open(path, "w") as archive:
        for name, data in _numbered(files, count, tell):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            archive.members = []
    return path


def read_all(source: Path, tell: Tell) -> None:
    """Reads every byte, so that the page cache is warm for whoever comes first."""
    paths = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    for number, path in enumerate(paths, start=1):
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
        if number % PER_FOLDER == 0 or number == len(paths):
            tell("warm", number, len(paths))
