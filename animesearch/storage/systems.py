"""Arrow's file systems, opened with credentials from the environment alone."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from animesearch.errors import StorageError
from animesearch.storage.cache import server
from animesearch.storage.faults import told
from animesearch.storage.places import checked, shown

CONNECT_S: Final = 5.0
STALLED_S: Final = 20.0
"""A request that moves not a byte for so long has failed; until then an interrupt must wait."""
GOOGLE_RETRY_S: Final = 0.02
"""Google's client repeats a request for 15 minutes unless it is told, and sleeps 1 to 2 s after a
first failure before it looks at this limit: so short a one leaves the repeating to us."""
WHOLE: Final = frozenset({"s3", "gcs", "abfs"})
"""File systems on which an object is there whole or not at all."""


def open_system(uri: str, attempts: int = 3) -> tuple[pafs.FileSystem, str]:
    """The file system of a URI, and the path in it; ``attempts`` are those of one request to S3.

    Google's store is asked without credentials where the URI begins with ``gs://anonymous@``, and
    an emulator that the environment names is, as by Google's own clients.  Raises
    :class:`StorageError` for a URI that is not allowed or that Arrow refuses, ``OSError`` where a
    network is needed and away.
    """
    place = checked(uri)
    try:
        if place.startswith("s3://"):
            return _s3(place, attempts)
        if place.startswith(("gs://", "gcs://")):
            return _google(place)
        return _by_uri(place)
    except (pa.ArrowException, ValueError, OverflowError) as fault:
        raise StorageError(f"'{shown(uri)}' cannot be opened: {told(fault)}") from None


def _s3(uri: str, attempts: int) -> tuple[pafs.FileSystem, str]:
    parts = urlsplit(uri)
    given = dict(parse_qsl(parts.query))
    path = unquote(f"{parts.netloc}{parts.path}").strip("/")
    options: dict[str, Any] = {
        "endpoint_override": given.pop("endpoint_override", "") or server(uri) or None,
        "region": given.pop("region", "") or _region(),
        "scheme": given.pop("scheme", None),
    }
    if given:  # one that only Arrow's own reader of URIs knows
        return _by_uri(uri)
    if options["region"] is None and options["endpoint_override"] is None:
        options["region"] = pafs.resolve_s3_region(parts.netloc)
    system = pafs.S3FileSystem(
        **{name: value for name, value in options.items() if value is not None},
        connect_timeout=CONNECT_S,
        request_timeout=STALLED_S,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=attempts),
        background_writes=False,  # an object is written by one call, which tells its fault
        allow_delayed_open=True,  # small objects take one request in place of three
    )
    return system, path


def _google(uri: str) -> tuple[pafs.FileSystem, str]:
    parts = urlsplit(uri)
    given = dict(parse_qsl(parts.query))
    user, _, bucket = parts.netloc.rpartition("@")
    emulator = server(uri)
    scheme, _, host = (given.pop("endpoint_override", "") or emulator).rpartition("://")
    options: dict[str, Any] = {
        "anonymous": user == "anonymous" or bool(emulator),
        "endpoint_override": host or None,
        "scheme": given.pop("scheme", "") or scheme or None,
        "project_id": given.pop("project_id", None),
    }
    limit = float(given.pop("retry_limit_seconds", GOOGLE_RETRY_S))
    if given or user not in ("", "anonymous"):  # Arrow's own reader of URIs refuses them
        return _by_uri(uri)
    system = pafs.GcsFileSystem(**options, retry_time_limit=timedelta(seconds=limit))
    return system, unquote(f"{bucket}{parts.path}").strip("/")


def _by_uri(uri: str) -> tuple[pafs.FileSystem, str]:
    system, path = pafs.FileSystem.from_uri(uri)
    return system, str(path)


def _region() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
