"""Places named by a URI that Arrow's file systems open, as in ``s3://bucket/runs/x``.

Credentials come from the environment and never stand in a URI: it ends up in space files,
manifests and messages.  Pure; needs no Arrow.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from animesearch.errors import StorageError

SCHEMES: Final = ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
QUERY: Final = (
    "region", "endpoint_override", "scheme", "project_id", "retry_limit_seconds", "enable_tls",
    "tls_verify_certificates", "blob_storage_authority", "dfs_storage_authority",
)  # fmt: skip
"""Options of a URI that are no secrets."""

_SCHEME: Final = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")
_PART: Final = re.compile(r"[^\x00-\x1f\x7f\\/]{1,255}")


def is_uri(place: str) -> bool:
    """Whether the place names a file system by a scheme, as in ``s3://bucket/images``."""
    return _SCHEME.match(place) is not None


def check_place(place: str) -> str:
    """The place itself; a ``file://`` URI as the path that it means.

    Raises ``ValueError`` for a URI that cannot be opened, and :class:`StorageError` for one that
    holds credentials: whoever reports a ``ValueError`` may repeat the value.
    """
    if not is_uri(place):
        return place
    try:
        parts = urlsplit(place)
    except ValueError as fault:
        raise ValueError(f"not a URI: {fault}") from None
    _check_secrets(parts)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"URIs of '{parts.scheme}' are not read; allowed: {', '.join(SCHEMES)}")
    if parts.fragment:
        raise ValueError("a '#' in a URI is written %23")
    return _local(parts) if parts.scheme == "file" else place


def checked(place: str) -> str:
    """As :func:`check_place`; every mistake is a :class:`StorageError`."""
    try:
        return check_place(place)
    except ValueError as fault:
        raise StorageError(f"'{shown(place)}': {fault}") from None


def _check_secrets(parts: SplitResult) -> None:
    user, at, _ = parts.netloc.rpartition("@")
    if at and (":" in user or parts.scheme == "s3"):
        raise StorageError(
            f"a URI of '{parts.scheme}' with a user or a password in it: "
            "credentials are read from the environment (such as AWS_ACCESS_KEY_ID), never from here"
        )
    for key, _ in parse_qsl(parts.query, keep_blank_values=True):
        if key not in QUERY:
            allowed = ", ".join(QUERY)
            raise StorageError(f"a URI with the option '{key[:40]}'; allowed: {allowed}")


def _local(parts: SplitResult) -> str:
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise ValueError("a file:// URI holds an absolute path, as in file:///data/images")
    return unquote(parts.path)


def short_name(place: str) -> str:
    """The last part of the place, for messages and manifests."""
    path = unquote(urlsplit(place).netloc + urlsplit(place).path) if is_uri(place) else place
    return posixpath.basename(path.rstrip("/")) or path


def shown(place: str) -> str:
    """The place without the options of a URI."""
    return place.split("?", 1)[0].rstrip("/") if is_uri(place) else place


def below(uri: str, name: str) -> str:
    """The URI of ``name`` (parts joined by ``/``) below another; its options stay."""
    place, mark, options = uri.partition("?")
    return f"{place.rstrip('/')}/{name.strip('/')}{mark}{options}"


def key_of(uri: str, environment: str = "") -> str:
    """A name for what is kept here of a URI: readable, and of no other place.

    ``environment`` is what besides the URI says which server is meant.
    """
    options = dict(parse_qsl(urlsplit(uri).query))
    server = options.get("endpoint_override", environment)
    digest = hashlib.sha256(f"{shown(uri)}\n{server}".encode()).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", short_name(shown(uri)))[:40].strip("-")
    return f"{readable or 'run'}-{digest}"


def is_safe(name: str) -> bool:
    """Whether a name from a store may become a path below a folder: it leads nowhere else."""
    parts = name.split("/")
    return all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts)
