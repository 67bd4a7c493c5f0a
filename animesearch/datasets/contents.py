"""What one pass over an archive found, and how it is remembered until the archive changes."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from animesearch.datasets.memory import Stamp
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Item, Memory
from animesearch.datasets.tree import Tree
from animesearch.errors import DataError

MAX_RATIO: Final = 100
FREE_BYTES: Final = 256 * 1024 * 1024
"""An archive may unpack to this many bytes, or to ``MAX_RATIO`` times its size."""
KEY: Final = "contents"


class ArchiveBombError(DataError):
    """An archive that unpacks to far more than it should."""


@dataclass
class Contents:
    """The members of an archive: all as items, and which of them are images by their content."""

    items: list[Item] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    refused: list[Dropped] = field(default_factory=list)
    sequential: bool = False


def bomb_limit(size: int) -> int:
    """The most bytes that an archive of ``size`` bytes may unpack to."""
    return max(FREE_BYTES, MAX_RATIO * size)


def clean_name(name: str) -> str:
    """A member's name as valid Unicode, without ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text if posixpath.isabs(text) else posixpath.normpath(text)


def is_unsafe(name: str) -> bool:
    """Whether a member's name would lead out of the folder that it were unpacked to."""
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or parts[0].endswith(":") or "\0" in name


def remembered(tree: Tree, memory: Memory, scan: Callable[[], Contents]) -> Contents:
    """What ``scan`` finds, or found when the archive was as it is now."""
    entry = tree.entry()
    known = _recalled(memory.recall(tree.place).get(KEY), entry.stamp)
    if known is not None:
        return known
    contents = scan()
    if entry.settled:
        memory.store(tree.place, {KEY: _plain(contents, entry.stamp)})
    return contents


def _plain(contents: Contents, now: Stamp) -> dict[str, object]:
    rows = [
        [i.name, i.sha256, i.size, i.path.decode("ascii"), i.offset, i.name in contents.images]
        for i in contents.items
    ]
    refused = [asdict(drop) for drop in contents.refused]
    return {"stamp": now, "items": rows, "refused": refused, "sequential": contents.sequential}


def _recalled(found: object, now: Stamp) -> Contents | None:
    if not isinstance(found, dict) or found.get("stamp") != now:
        return None
    try:
        return _restored(found)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _restored(found: Mapping[str, Any]) -> Contents:
    contents = Contents(sequential=bool(found["sequential"]))
    for name, sha256, size, path, offset, is_image in found["items"]:
        item = Item(name, sha256, int(size), path=path.encode("ascii"), offset=int(offset))
        contents.items.append(item)
        if is_image:
            contents.images.add(name)
    for drop in found["refused"]:
        contents.refused.append(Dropped(**drop))
    return contents
