"""The server: a socket of our own, so that a taken port is told before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import uvicorn

from animesearch.errors import UserError
from animesearch.results.web.app import create_app
from animesearch.results.web.security import access
from animesearch.results.web.store import Store
from animesearch.storage.places import checked, is_uri


@dataclass(frozen=True)
class Binding:
    """Where to listen, and the token to ask for (on the loopback none is needed)."""

    host: str = "127.0.0.1"
    port: int = 8300
    token: str = ""


def serve(place: str | Path, binding: Binding, ready: Callable[[str], None]) -> None:
    """Serve the runs of a folder or a URI until interrupted; ``ready`` gets the address to open.

    Raises :class:`UserError` for a place without runs, a store that cannot be reached, a port that
    is taken, and a weak token.
    """
    store = _store_at(checked(str(place)))
    with _bound(binding.host, binding.port) as listening:
        port = listening.getsockname()[1]
        allowed = access(binding.host, port, binding.token)
        config = uvicorn.Config(
            create_app(store, allowed),
            access_log=False,  # an address may hold the token
            log_level="warning",
            server_header=False,
            lifespan="off",
            ws="none",
        )
        store.preload()
        ready(address(binding.host, port, allowed.token))
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            return  # the ordinary end of a server


def _store_at(place: str) -> Store:
    if not is_uri(place):
        return Store(Path(place))
    from animesearch.results.web.mirrored import MirroredRuns

    mirrored = MirroredRuns(place)
    mirrored.begin()
    mirrored.follow()
    return Store(mirrored.path, lambda: mirrored.notice)


def address(host: str, port: int, token: str) -> str:
    """What to open in a browser."""
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    place = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
    return f"{place}?token={quote(token, safe='')}" if token else place


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()
    except (OSError, OverflowError) as error:
        raise UserError(f"cannot listen on {host}, port {port}: {error}; try --port") from error
    return listening
