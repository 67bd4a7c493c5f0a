"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

STAGING: Final = ".staging-"


def sync(path: Path) -> None:
    """Forces a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def staging(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, gone at the end unless it was renamed.

    A lock that dies with the process tells folders at work from those left by a killed one;
    the latter are removed here.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder, handle = _locked(parent)
    with handle:
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(folder)


def _locked(parent: Path) -> tuple[Path, TextIO]:
    """A name for a new folder, and its lock, held."""
    while True:
        folder = parent / f"{STAGING}{secrets.token_hex(8)}"
        lock = folder.with_name(f"{folder.name}.lock")
        handle = lock.open("w")
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Before it was held, another process may have swept it as one that was left behind.
        if lock.exists() and lock.stat().st_ino == os.fstat(handle.fileno()).st_ino:
            return folder, handle
        handle.close()


def sweep(parent: Path) -> None:
    """Removes staging folders whose process is gone."""
    for lock in parent.glob(f"{STAGING}*.lock"):
        with contextlib.suppress(OSError), lock.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(lock.with_name(lock.name.removesuffix(".lock")))


def _remove(folder: Path) -> None:
    """A staging folder, what it put aside, and its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(_aside(folder), ignore_errors=True)
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)


def _aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-replaced")


def install(folder: Path, final: Path) -> None:
    """Renames a finished staging folder to ``final``, putting one that stands there aside."""
    for inside in folder.iterdir():
        sync(inside)
    sync(folder)
    try:
        folder.replace(final)
    except OSError:
        if not final.exists():
            raise
        final.replace(_aside(folder))
        folder.replace(final)
    sync(final.parent)
