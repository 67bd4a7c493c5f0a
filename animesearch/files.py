"""Writing files so that a reader never sees a half of one, and canonical JSON."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` through a synced temporary file and a rename.

    After a crash at any moment ``path`` holds either the old content or the new one, whole.
    The file gets the permissions that the umask gives to any new file.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """As :func:`write_atomic`, piece by piece; an error leaves ``path`` as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_regular(path: Path, links: bool = True) -> IO[bytes]:
    """The regular file ``path``, open for reading; ``OSError`` for anything else.

    Opening a pipe or a device, which a folder of somebody else's may hold, could wait for ever.
    Without ``links`` a symbolic link is refused, too: it may lead to any file of this machine.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    flags |= 0 if links else getattr(os, "O_NOFOLLOW", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(f"{path} is not a regular file")


def read_bounded(path: Path, most: int, links: bool = True) -> bytes:
    """The content of a regular file; ``OSError`` for anything else, and beyond ``most`` bytes."""
    with open_regular(path, links) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path} is larger than {most:,} bytes")
    return content


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces; refuses non-finite numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(path: Path, value: object) -> None:
    """Atomic, indented, readable by people; refuses non-finite numbers."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    write_atomic(path, (text + "\n").encode())


def content_id(value: object, length: int = 12) -> str:
    """First ``length`` hex digits of the SHA-256 of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]
