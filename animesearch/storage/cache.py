"""Where this machine keeps what it can make or fetch again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from animesearch.storage.places import key_of

SERVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("CLOUD_STORAGE_EMULATOR_ENDPOINT",),
    "gcs": ("CLOUD_STORAGE_EMULATOR_ENDPOINT",),
}
"""Environment variables, by the scheme of a URI, that lead to another server than the provider's;
they are those of the clients that Arrow uses."""


def default_cache() -> Path:
    """``$ANIMESEARCH_CACHE``, else ``animesearch`` in the user's cache folder."""
    chosen = os.environ.get("ANIMESEARCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "animesearch"


def server(uri: str) -> str:
    """Which server a URI without one of its own means; empty for the provider's."""
    names = SERVERS.get(uri.partition("://")[0], ())
    return next((found for name in names if (found := os.environ.get(name))), "")


def working_folder(uri: str) -> Path:
    """The working copy of the run at ``uri``: that of its driver, or of trials on this machine."""
    return default_cache() / "runs" / key_of(uri, server(uri))


def reading_folder(uri: str) -> Path:
    """The copy of the run at ``uri`` that commands read; apart from the working copy, so that
    nothing is written where a driver is at work.  Its last part is the run's name."""
    key = key_of(uri, server(uri))
    return default_cache() / "read" / key / key.rpartition("-")[0]
