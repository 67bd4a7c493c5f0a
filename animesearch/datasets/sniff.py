"""What a place holds, by looking into it: names of files decide nothing that content can."""

from __future__ import annotations

import tarfile
from typing import Final, Literal

from animesearch.datasets.annotate import AUTO, beside_paths, class_images
from animesearch.datasets.archive import compression
from animesearch.datasets.classfolders import class_root
from animesearch.datasets.decode import looks_like_image
from animesearch.datasets.manifest import IMAGES, MANIFEST
from animesearch.datasets.tree import Found, Tree, ahead, readable
from animesearch.datasets.zipformat import ZipFormatError, find_directory

PARQUET: Final = b"PAR1"
SAMPLE: Final = 16
"""Files of a folder that are looked into."""


def file_kind(tree: Tree) -> Literal["tar", "zip", "parquet", "image"] | None:
    """Of a file; ``None`` for anything else.  Faults of reading are ``OSError``."""
    with tree.open() as file:
        head = file.read(tarfile.BLOCKSIZE)
    if head.startswith(PARQUET):
        return "parquet"
    # A tar begins with the name of a member, which may well look like the "BM" of a bitmap.
    if compression(head) is not None or _is_tar_header(head):
        return "tar"
    if _is_zip(tree):
        return "zip"
    return "image" if looks_like_image(head) else None


def _is_tar_header(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _is_zip(tree: Tree) -> bool:
    """By the record at its end: what unpacks itself begins as a program."""
    try:
        with tree.open() as file:
            find_directory(file, tree.entry().size)
    except ZipFormatError:
        return False
    return True


def folder_kind(
    tree: Tree,
) -> Literal["prepared", "parquet", "metadata", "classes", "folder"]:
    """Of a folder, as the source that reads it best."""
    found = tree.walk()
    paths = {readable(entry.path): entry.path for entry in found.files}
    if {MANIFEST, IMAGES} <= paths.keys():
        return "prepared"
    if holds_parquet(tree, found):
        return "parquet"
    if beside_paths(paths, AUTO, tree.name):
        return "metadata"
    names = class_images(tree, list(paths.values()), depth=1)
    return "classes" if names and class_root(names) == "" else "folder"


def holds_parquet(tree: Tree, found: Found) -> bool:
    """Whether a sample of the files has Parquet among them and no image."""
    ordered = sorted(entry.path for entry in found.files)
    likely = [path for path in ordered if path.lower().endswith((b".parquet", b".pq"))]
    heads = [*ahead(tree.head, [*likely[:1], *ordered[:SAMPLE]], tree.readers)]
    images = any(looks_like_image(head) for head in heads)
    return not images and any(head.startswith(PARQUET) for head in heads)
