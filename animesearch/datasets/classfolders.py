"""Which folders are classes: one rule for folders and archives.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from animesearch.datasets.kinds import ClassChoice
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources.base import Item
from animesearch.errors import DataError

SPLITS: Final = frozenset(
    ("train", "training", "val", "valid", "validation", "dev", "test", "testing")
)
"""Names of folders that part a set for training and testing, not by what it shows."""
BUCKET_DIGITS: Final = 3
"""Folders that are all named by so many digits or more are parts of equal size (Danbooru's)."""


def are_classes(folders: Iterable[str]) -> bool:
    """Whether these folders beside each other, which hold all images, look like classes."""
    names = set(folders)
    parts = all(name.lower() in SPLITS for name in names)
    buckets = all(name.isdecimal() and len(name) >= BUCKET_DIGITS for name in names)
    return len(names) >= 2 and not parts and not buckets


def class_root(images: Iterable[str]) -> str | None:
    """The folder (``""`` or ending in ``/``) whose folders are the classes of all images.

    ``None`` unless all images lie exactly one level below it, in two or more folders that look
    like classes.
    """
    folders = {name.rpartition("/")[0] for name in images}
    root = common_root(folders)
    below = {folder[len(root) :] for folder in folders}
    if "" in below or any("/" in name for name in below):
        return None
    return root if are_classes(below) else None


def common_root(folders: Iterable[str]) -> str:
    """The deepest folder above all of these, which is none of them if there is only one."""
    split = [folder.split("/") for folder in folders]
    if not split:
        return ""
    first, last = min(split), max(split)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    shared = min(shared, len(first) - 1) if len(split) == 1 else shared
    return "".join(f"{part}/" for part in first[:shared])


def labelled(
    items: Sequence[Item], images: Iterable[str], choice: ClassChoice, name: str
) -> tuple[list[Item], list[Dropped]]:
    """Items with the class as their label, and those that lie outside every class folder.

    ``images`` are the names of those that are images by their content.  Raises
    :class:`DataError` if classes are asked for (``yes``) and there are no folders.
    """
    root = None if choice == "no" else class_root(images)
    if choice == "yes" and root is None:
        root = common_root({image.rpartition("/")[0] for image in images})
    if root is None:
        return list(items), []
    kept: list[Item] = []
    refused: list[Dropped] = []
    for item in items:
        inside = item.name.startswith(root) and "/" in item.name[len(root) :]
        if inside:
            kept.append(replace(item, label=item.name[len(root) :].split("/", 1)[0]))
        else:
            refused.append(Dropped(item.name, Reason.NO_CLASS))
    if not kept:
        raise DataError(f"'{name}' has no class folders with files in them")
    return kept, refused
