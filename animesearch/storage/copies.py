"""What the cache holds of other places: who uses it, and what of it may go.

A process that uses a copy holds a lock beside it (``.NAME.use``) to its end, which tells everybody
that the copy is in use, and when it last was.  The kernel drops the lock with the process.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from animesearch.errors import UserError
from animesearch.storage.cache import default_cache

LOG = logging.getLogger(__name__)
COPIES: Final = ("runs", "read", "fetched")
"""Folders of the cache whose content stands elsewhere as well."""
PREPARED, FEATURES = "datasets", "features"
MADE: Final = (PREPARED, FEATURES)
"""Those whose content was made here, which takes time: folders, and single files."""
DAYS, CAP = "ANIMESEARCH_CACHE_DAYS", "ANIMESEARCH_CACHE_GB"
"""Environment variables: the defaults of :class:`Limits`."""
DAY_S, GB = 86_400.0, 1e9
_GONE: Final = ".gone-"
_holding = threading.Lock()
_held: dict[Path, int] = {}
_looked: set[Path] = set()


@dataclass(frozen=True)
class Limits:
    """What is kept: what was used in the last ``days``, and no more than ``size`` GB."""

    days: float = 30.0
    size: float = math.inf


@dataclass(frozen=True)
class Copy:
    """A folder of the cache, or a file: its ``bytes``, and when it was last ``used`` (s since the
    epoch)."""

    path: Path
    bytes: int
    used: float

    @property
    def kind(self) -> str:
        """Which of the cache's folders it stands in."""
        return self.path.parent.name

    @property
    def in_use(self) -> bool:
        """Whether a process holds it, this one included."""
        if not _mark(self.path).exists():  # to make one would say that it was used just now
            return False
        with _alone(self.path) as alone:
            return not alone


def usual_limits() -> Limits:
    """The defaults, or those of the environment; :class:`UserError` for what is no number."""
    return Limits(_said(DAYS, Limits.days), _said(CAP, Limits.size))


def _said(name: str, default: float) -> float:
    said = os.environ.get(name, "")
    if said == "never" and name == DAYS:
        return math.inf
    try:
        found = float(said) if said else default
    except ValueError:
        found = -1.0
    if not found >= 0:
        words = ", or 'never'" if name == DAYS else ""
        raise UserError(f"{name} is '{said}'; allowed: a number of at least 0{words}")
    return found


def claimed(folder: Path) -> Path:
    """``folder``; where it stands in the cache nobody deletes it as long as this process lives.

    Before a process makes its first new one the cache is tidied by the :func:`usual_limits`.
    """
    root = default_cache().absolute()
    if folder.absolute().is_relative_to(root):
        kind, name, *_ = folder.absolute().relative_to(root).parts
        _claim(root, root / kind / name)
    return folder


def _claim(root: Path, unit: Path) -> None:
    with _holding:
        if unit in _held:
            return
        with suppress(OSError):  # a cache that cannot be written, or on a disk without locks
            _held[unit] = _taken(unit)
        tidy = root not in _looked and not unit.exists()
        if tidy:
            _looked.add(root)
    if tidy:
        gone = prune(usual_limits())
        LOG.info("the cache was tidied: %d copies went", len(gone))


def copies(kinds: Sequence[str] = COPIES) -> list[Copy]:
    """What stands in these folders of the cache, what was used last at the end."""
    root = default_cache().absolute()
    paths = [path for kind in kinds for path in _paths(root / kind)]
    return sorted((_copy(path) for path in paths), key=lambda copy: copy.used)


def prune(limits: Limits, kinds: Sequence[str] = COPIES, try_only: bool = False) -> list[Copy]:
    """Delete what is beyond ``limits`` and not in use, the longest unused first; what went.

    With ``try_only`` nothing is deleted.
    """
    for kind in kinds:
        _sweep(default_cache().absolute() / kind)
    found, now, gone = copies(kinds), time.time(), []
    left = sum(copy.bytes for copy in found)
    for copy in found:
        if now - copy.used <= limits.days * DAY_S and left <= limits.size * GB:
            continue
        if not copy.in_use if try_only else _delete(copy.path):
            gone.append(copy)
            left -= copy.bytes
    return gone


def _delete(path: Path) -> bool:
    """Whether it is gone; not where somebody uses it.  A file is read as a whole."""
    if path.is_file():
        path.unlink(missing_ok=True)
        return True
    with _alone(path) as alone:
        if not alone:
            return False
        aside = path.with_name(f"{_GONE}{secrets.token_hex(8)}")
        try:
            path.replace(aside)
        except OSError as error:
            LOG.info("%s could not be deleted: %s", path, error)
            return False
        shutil.rmtree(aside, ignore_errors=True)
        _mark(path).unlink(missing_ok=True)
        return True


def _sweep(folder: Path) -> None:
    """What a killed process was deleting."""
    for path in folder.glob(f"{_GONE}*"):
        shutil.rmtree(path, ignore_errors=True)


def _paths(parent: Path) -> Iterator[Path]:
    for path in parent.iterdir() if parent.is_dir() else ():
        ours = path.is_file() if parent.name == FEATURES else path.is_dir()
        if ours and not path.is_symlink() and not path.name.startswith("."):
            yield path


def _copy(path: Path) -> Copy:
    """Files have the times of the store that they came from, folders those of this machine."""
    if path.is_file():
        found = path.stat()
        return Copy(path, found.st_size, max(found.st_mtime, found.st_atime))
    size, newest = 0, _changed(_mark(path))
    for place, _, files in os.walk(path):
        newest = max(newest, _changed(Path(place)))
        for name in files:
            with suppress(OSError):  # gone meanwhile
                found = (Path(place) / name).lstat()
                size, newest = size + found.st_size, max(newest, found.st_mtime)
    return Copy(path, size, newest)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


# -- locks -----------------------------------------------------------------------------------


def _mark(path: Path) -> Path:
    return path.with_name(f".{path.name}.use")


def _taken(path: Path) -> int:
    """A lock that others may share, held until the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = _locked(path, fcntl.LOCK_SH)
        if handle is not None:
            os.utime(handle)
            return handle


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether nobody uses ``path``, and nobody begins to inside."""
    try:
        handle = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody has it, or it cannot be told
        handle = None
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


def _locked(path: Path, how: int) -> int | None:
    """A lock on the file beside ``path``; None where that was deleted before it could be had."""
    mark = _mark(path)
    handle = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, how)
        if mark.stat().st_ino == os.fstat(handle).st_ino:
            return handle
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None
