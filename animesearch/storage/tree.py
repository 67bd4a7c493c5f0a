"""What stands below a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path, prefix: str = "") -> Iterator[str]:
    """Names of the regular files below ``prefix``, or itself; temporary ones (``.x``) are none."""
    top = folder / prefix if prefix else folder
    if top.is_file() and not top.is_symlink():
        yield prefix
        return
    for place, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(place) / name
            if not name.startswith(".") and not path.is_symlink():
                yield path.relative_to(folder).as_posix()
