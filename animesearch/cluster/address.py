"""The address of a cluster's dashboard, to which jobs go: ``http://127.0.0.1:8265``."""

from __future__ import annotations

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from animesearch.errors import UserError

EXAMPLE = "http://127.0.0.1:8265"
PORT_PATIENCE_S = 5.0
ANSWER_PATIENCE_S = 60.0


class NoDashboardError(UserError):
    """Nothing answers where a dashboard was looked for."""


def checked_address(address: str) -> str:
    """``http://HOST:PORT``; :class:`UserError` for what is no dashboard's address.

    A user or a password in it is not repeated.
    """
    if "@" in address or "?" in address:
        raise UserError(
            "the address of a dashboard holds no user, password or option (a cluster's token is "
            f"read from ~/.ray/auth_token or RAY_AUTH_TOKEN); it is like {EXAMPLE}"
        )
    if address.startswith("ray://"):
        raise UserError(
            f"{address}: Ray Client takes no jobs; give the dashboard, http://HOST:8265"
        )
    try:
        parts = urlsplit(address)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return address.rstrip("/")
    except ValueError:
        pass
    raise UserError(f"{address!r}: the address of a dashboard is like {EXAMPLE}")


def require_answer(address: str) -> None:
    """Ray's client has no time limit of its own: what listens there may never say a word."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), PORT_PATIENCE_S).close()
        if parts.scheme == "http":
            with closing(HTTPConnection(host, port, timeout=ANSWER_PATIENCE_S)) as connection:
                connection.request("HEAD", "/")
                connection.getresponse()
    except (OSError, ValueError, HTTPException) as error:
        raise NoDashboardError(f"no Ray dashboard answers at {address}: {error}") from error
