"""What is remembered about files that have not changed, so that they are not hashed again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from animesearch.files import write_atomic
from animesearch.storage.places import is_uri

VERSION: Final = 1
SETTLED_S: Final = 2.0
"""A file changed less than this long ago may change again within one tick of its clock."""

Stamp = list[int]


def stamp(status: os.stat_result) -> Stamp:
    """Size, change times and inode: what tells a changed file from an unchanged one."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def settled(status: os.stat_result) -> bool:
    """Whether the file is old enough for its stamp to be trusted later."""
    return time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_S


class FileMemory:
    """One JSON file per source under ``folder``; what is broken or of another version is void."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, place: str | Path) -> Mapping[str, object]:
        """What was last stored for a path or a URI, or an empty mapping."""
        try:
            found = json.loads(self._file(place).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict) or found.get("version") != VERSION:
            return {}
        content = found.get("content")
        return content if isinstance(content, dict) else {}

    def store(self, place: str | Path, found: Mapping[str, object]) -> None:
        """Stores; a disk that refuses costs the acceleration only."""
        text = json.dumps({"version": VERSION, "content": found})
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file(place), text.encode())
        except OSError:
            return

    def _file(self, place: str | Path) -> Path:
        known = str(place) if is_uri(str(place)) else Path(place).resolve()
        name = hashlib.sha256(os.fsencode(known)).hexdigest()[:32]
        return self._folder / f"{name}.json"
