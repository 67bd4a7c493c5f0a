"""Where a source lies: a path on this machine, or a URI that Arrow's file systems open.

Credentials come from the environment and never stand in a URI: it ends up in space files,
manifests and messages.  Pure; needs no Arrow.
"""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, Field

from animesearch.errors import DataError

SCHEMES: Final = ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
QUERY: Final = (
    "region", "endpoint_override", "scheme", "project_id", "retry_limit_seconds", "enable_tls",
    "tls_verify_certificates", "blob_storage_authority", "dfs_storage_authority",
)  # fmt: skip
"""Options of a URI that are no secrets."""

_SCHEME: Final = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")


def is_uri(place: str) -> bool:
    """Whether the place names a file system by a scheme, as in ``s3://bucket/images``."""
    return _SCHEME.match(place) is not None


def check_place(place: str) -> str:
    """The place itself; a ``file://`` URI as the path that it means.

    Raises ``ValueError`` for a URI that cannot be opened, and :class:`DataError` for one that
    holds credentials: pydantic would repeat the value of a ``ValueError``.
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


def _check_secrets(parts: SplitResult) -> None:
    user, at, _ = parts.netloc.rpartition("@")
    if at and (":" in user or parts.scheme == "s3"):
        raise DataError(
            f"a URI of '{parts.scheme}' with a user or a password in it: "
            "credentials are read from the environment (such as AWS_ACCESS_KEY_ID), never from here"
        )
    for key, _ in parse_qsl(parts.query, keep_blank_values=True):
        if key not in QUERY:
            allowed = ", ".join(QUERY)
            raise DataError(f"a URI with the option '{key[:40]}'; allowed: {allowed}")


def _local(parts: SplitResult) -> str:
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise ValueError("a file:// URI holds an absolute path, as in file:///data/images")
    return unquote(parts.path)


def short_name(place: str) -> str:
    """The last part of the place, for messages and manifests."""
    path = unquote(urlsplit(place).netloc + urlsplit(place).path) if is_uri(place) else place
    return posixpath.basename(path.rstrip("/")) or path


Place = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$"), AfterValidator(check_place)]
"""Type of an option that says where a source lies."""
