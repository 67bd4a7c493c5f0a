"""Regular files below a folder, with a reason for everything else."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from animesearch.datasets.memory import Stamp, settled, stamp
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources.base import MAX_FILE_BYTES, Item, Memory, Payload, Progress

MAX_DEPTH: Final = 32
HASH_STEP: Final = 512
"""Files hashed between two reports of progress."""


@dataclass
class Found:
    """Regular files (raw paths below the root, ``/`` between parts), and what was refused."""

    files: list[tuple[bytes, os.stat_result]] = field(default_factory=list)
    refused: list[Dropped] = field(default_factory=list)

    def refuse(self, path: bytes, reason: Reason, detail: str = "") -> None:
        """Adds a refusal."""
        self.refused.append(Dropped(readable(path), reason, detail))


def readable(path: bytes) -> str:
    """A path as valid Unicode; bytes that are not UTF-8 show as ``\\xNN``."""
    return path.decode("utf-8", "backslashreplace")


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
    elif status.st_size > MAX_FILE_BYTES:
        found.refuse(path, Reason.TOO_MANY_BYTES, f"{status.st_size:,} bytes")
    else:
        found.files.append((path, status))
    return False


def hashed(root: Path, found: Found, memory: Memory, progress: Progress) -> list[Item]:
    """Every file as an item with its SHA-256; files that cannot be read move to ``refused``.

    Files whose stamp is as ``memory`` knows it are not read.
    """
    known = memory.recall(root)
    kept: dict[str, list[object]] = {}
    items: list[Item] = []
    with ThreadPoolExecutor(max_workers=min(16, 2 * (os.cpu_count() or 1))) as pool:
        for start in range(0, len(found.files), HASH_STEP):
            part = found.files[start : start + HASH_STEP]
            digests = pool.map(lambda file: _digest(root, file[0], file[1], known), part)
            for (path, status), digest in zip(part, digests, strict=True):
                _file_under(path, status, digest, found, items, kept)
            progress("hash", start + len(part), len(found.files))
    if kept != known:
        memory.store(root, kept)
    return items


def _file_under(
    path: bytes,
    status: os.stat_result,
    digest: str | OSError,
    found: Found,
    items: list[Item],
    kept: dict[str, list[object]],
) -> None:
    if isinstance(digest, OSError):
        found.refuse(path, Reason.UNREADABLE, str(digest.strerror))
        return
    items.append(Item(name=readable(path), sha256=digest, size=status.st_size, path=path))
    if settled(status):
        kept[readable(path)] = [stamp(status), digest]


def _digest(
    root: Path, path: bytes, status: os.stat_result, known: Mapping[str, object]
) -> str | OSError:
    remembered = _remembered(known.get(readable(path)), stamp(status))
    if remembered is not None:
        return remembered
    try:
        with (root / os.fsdecode(path)).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        return fault


def _remembered(entry: object, now: Stamp) -> str | None:
    match entry:
        case [before, str(digest)] if before == now:
            return digest
        case _:
            return None


def read_files(root: Path, items: Sequence[Item]) -> Iterator[tuple[Item, Payload]]:
    """The bytes of each item; ``None`` where the file has become unreadable."""
    for item in items:
        try:
            yield item, (root / os.fsdecode(item.path)).read_bytes()
        except OSError:
            yield item, None
