"""Regular files below a folder, with a reason for everything else; files hashed and read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from animesearch.datasets.memory import Stamp, settled, stamp
from animesearch.datasets.reasons import Reason
from animesearch.datasets.sources.base import MAX_FILE_BYTES, Item, Memory, Progress
from animesearch.datasets.tree import Entry, Found, Tree, ahead, readable

MAX_DEPTH: Final = 32
HASH_STEP: Final = 512
"""Files hashed between two reports of progress."""


def walk(root: Path) -> Found:
    """Everything below ``root``; links are never followed, except that ``root`` may be one."""
    found = Found()
    pending = [(b"", 0)]
    while pending:
        folder, depth = pending.pop()
        for path, entry in _entries(os.fsencode(root), folder, found):
            if not _is_folder(path, entry, found):
                continue
            if depth >= MAX_DEPTH:
                found.refuse(path, Reason.TOO_DEEP, f"more than {MAX_DEPTH} folders deep")
            else:
                pending.append((path, depth + 1))
    return found


def _entries(
    root: bytes, folder: bytes, found: Found
) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    try:
        with os.scandir(os.path.join(root, folder)) as entries:  # noqa: PTH118 - raw bytes
            for entry in entries:
                yield (folder + b"/" + entry.name if folder else entry.name), entry
    except OSError as fault:
        found.refuse(folder, Reason.UNREADABLE, str(fault.strerror))


def _is_folder(path: bytes, entry: os.DirEntry[bytes], found: Found) -> bool:
    """Files are filed under ``found`` on the way."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as fault:
        found.refuse(path, Reason.UNREADABLE, str(fault.strerror))
        return False
    if stat.S_ISDIR(status.st_mode):
        return True
    if stat.S_ISLNK(status.st_mode):
        found.refuse(path, Reason.LINK)
    elif not stat.S_ISREG(status.st_mode):
        found.refuse(path, Reason.NOT_A_FILE)
    else:
        found.files.append(Entry(path, status.st_size, stamp(status), settled(status)))
    return False


def hashed(
    tree: Tree, files: Sequence[Entry], found: Found, memory: Memory, progress: Progress
) -> list[Item]:
    """The files as items with their SHA-256; those that cannot be read move to ``refused``.

    Files whose stamp is as ``memory`` knows it are not read, nor are those that are too large.
    """
    known = memory.recall(tree.place)
    kept: dict[str, list[object]] = {}
    items: list[Item] = []
    files = [entry for entry in files if not _too_large(entry, found)]
    with ThreadPoolExecutor(max_workers=tree.readers) as pool:
        for start in range(0, len(files), HASH_STEP):
            part = files[start : start + HASH_STEP]
            for entry, digest in zip(
                part, pool.map(lambda entry: _digest(tree, entry, known), part), strict=True
            ):
                _file_under(entry, digest, found, items, kept)
            progress("hash", start + len(part), len(files))
    if kept != known:
        memory.store(tree.place, kept)
    return items


def _too_large(entry: Entry, found: Found) -> bool:
    if entry.size <= MAX_FILE_BYTES:
        return False
    found.refuse(entry.path, Reason.TOO_MANY_BYTES, f"{entry.size:,} bytes")
    return True


def _file_under(
    entry: Entry,
    digest: str | OSError,
    found: Found,
    items: list[Item],
    kept: dict[str, list[object]],
) -> None:
    name = readable(entry.path)
    if isinstance(digest, OSError):
        found.refuse(entry.path, Reason.UNREADABLE, str(digest.strerror or digest))
        return
    items.append(Item(name=name, sha256=digest, size=entry.size, path=entry.path))
    if entry.settled:
        kept[name] = [entry.stamp, digest]


def _digest(tree: Tree, entry: Entry, known: Mapping[str, object]) -> str | OSError:
    remembered = _remembered(known.get(readable(entry.path)), entry.stamp)
    if remembered is not None:
        return remembered
    try:
        return tree.digest(entry.path)
    except OSError as fault:
        return fault


def _remembered(entry: object, now: Stamp) -> str | None:
    match entry:
        case [before, str(digest)] if before == now:
            return digest
        case _:
            return None


def read_files(tree: Tree, items: Sequence[Item]) -> Iterator[tuple[Item, bytes | None]]:
    """The bytes of each item; ``None`` where the file has become unreadable."""

    def read(item: Item) -> tuple[Item, bytes | None]:
        try:
            return item, tree.read(item.path)
        except OSError:
            return item, None

    return ahead(read, items, tree.readers) if tree.far else map(read, items)
