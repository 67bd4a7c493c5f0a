"""Where this machine keeps what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path

from animesearch.storage.places import key_of


def default_cache() -> Path:
    """``$ANIMESEARCH_CACHE``, else ``animesearch`` in the user's cache folder."""
    chosen = os.environ.get("ANIMESEARCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "animesearch"


def server() -> str:
    """Which server a URI without one of its own means."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def working_folder(uri: str) -> Path:
    """The working copy of the run at ``uri``: that of its driver, or of trials on this machine."""
    return default_cache() / "runs" / key_of(uri, server())


def reading_folder(uri: str) -> Path:
    """The copy of the run at ``uri`` that commands read; apart from the working copy, so that
    nothing is written where a driver is at work.  Its last part is the run's name."""
    key = key_of(uri, server())
    return default_cache() / "read" / key / key.rpartition("-")[0]
