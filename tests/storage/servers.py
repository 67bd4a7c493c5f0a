"""Servers of stores on the loopback, and a proxy before them that fails in chosen ways."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import pytest

Way = Literal["pass", "refuse", "deaf", "busy", "full", "denied", "gone"]
"""``refuse`` drops every connection, ``deaf`` passes requests on and drops their answers; the
others answer HTTP 503, 507, 403 and 410."""
SECRET = "wJalrXUtnFEMI0K7MDENG"
BUCKET = "animesearch"
_ANSWERS: Mapping[str, tuple[int, str]] = {
    "busy": (503, "SlowDown"),
    "full": (507, "XMinioStorageFull"),
    "denied": (403, "AccessDenied"),
    "gone": (410, "Gone"),
}
_BODIES: Mapping[str, str] = {
    "xml": "<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>",
    "json": '{{"error": {{"code": {status}, "message": "{code}"}}}}',
}


class Proxy(Protocol):
    """What fails requests on their way to a server: see :class:`FaultyProxy`."""

    @property
    def failed(self) -> int: ...

    def fail(self, way: Way, only: bytes = b"") -> None: ...


class FaultyProxy:
    """Passes TCP connections on to ``target``, or fails them, as :attr:`way` says at the moment.

    ``only`` restricts the failing to requests of that method (``b"PUT"``).  ``failed`` counts the
    requests that were failed, ``after_s`` seconds each; each connection carries one request.
    ``form`` is that of the server's own words.
    """

    def __init__(
        self, target: tuple[str, int], form: Literal["xml", "json"] = "xml", after_s: float = 0.0
    ) -> None:
        self._target, self._form, self._after_s = target, form, after_s
        self.way: Way = "pass"
        self.only = b""
        self.failed = 0
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(self, way: Way, only: bytes = b"") -> None:
        """From now on, connections that are open included; idle ones are dropped."""
        self.way, self.only = way, only
        for connection in list(self._open):
            _drop(connection)

    def stop(self) -> None:
        """Listen no more."""
        _drop(self._listening)
        self.fail("refuse")

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            with connection, contextlib.suppress(OSError):
                head = connection.recv(65536)
                if not head:
                    return
                if self.way != "pass" and head.startswith(self.only):
                    self._fail(connection, head)
                else:
                    self._pass_on(connection, head)
        finally:
            self._open.discard(connection)

    def _fail(self, connection: socket.socket, head: bytes) -> None:
        self.failed += 1
        time.sleep(self._after_s)
        if self.way == "deaf":
            self._pass_on(connection, head, silent=True)
        if self.way not in _ANSWERS:
            return
        status, code = _ANSWERS[self.way]
        body = _BODIES[self._form].format(status=status, code=code)
        answer = (
            f"HTTP/1.1 {status} {code}\r\nContent-Type: application/{self._form}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        )
        connection.sendall(answer.encode())
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        while connection.recv(65536):  # what is still sent would reset the answer
            pass

    def _pass_on(self, connection: socket.socket, head: bytes, silent: bool = False) -> None:
        with socket.create_connection(self._target) as server:
            server.sendall(_closing(head))
            back = threading.Thread(target=_copy, args=(server, connection, silent), daemon=True)
            back.start()
            _copy(connection, server)
            back.join()


def _closing(head: bytes) -> bytes:
    """The request with a word that its connection is for it alone."""
    first, end, rest = head.partition(b"\r\n")
    return first + end + b"Connection: close" + end + rest if end else head


def _copy(source: socket.socket, sink: socket.socket, silent: bool = False) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            if not silent:
                sink.sendall(piece)
    _drop(sink)


def _drop(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    if connection.fileno() != -1 and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        connection.close()


@dataclass(frozen=True)
class Served:
    """A server with one bucket; ``environment`` leads to it through ``proxy``."""

    scheme: ClassVar[str]
    proxy: Proxy
    environment: Mapping[str, str]

    def url(self, name: str) -> str:
        """A place in the bucket."""
        return f"{self.scheme}://{BUCKET}/{name}"


class S3(Served):
    """moto's, in this process."""

    scheme = "s3"


@contextmanager
def s3_server() -> Iterator[S3]:
    """Started and stopped; nothing of this process's environment is changed."""
    server = pytest.importorskip("moto.server", reason="moto is no part of this installation")
    import pyarrow.fs as pafs

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    proxy = FaultyProxy((host, port))
    environment = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    system = pafs.S3FileSystem(
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=SECRET,
        region=environment["AWS_DEFAULT_REGION"],
        endpoint_override=environment["AWS_ENDPOINT_URL"],
        allow_bucket_creation=True,
    )
    system.create_dir(BUCKET)
    yield S3(proxy, environment)
    proxy.stop()
    running.stop()
