"""The process of :mod:`tests.storage.google`: an emulator with one bucket, a proxy before it.

What the emulator lacks of the service and Arrow's client needs is added: several requests at a
time, ``Expect: 100-continue``, and no object of a body that was cut short.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any, ClassVar, Final

from gcp_storage_emulator.handlers import buckets
from gcp_storage_emulator.server import RequestHandler, Router
from gcp_storage_emulator.storage import Storage

from tests.storage.servers import BUCKET, FaultyProxy

FAR_S: Final = 0.03
"""Seconds that a failure takes: over a network none comes at once."""


class Memory(Storage):
    """One bucket, in memory; what is deleted is gone."""

    def __init__(self) -> None:
        super().__init__(use_memory_fs=True)
        buckets.create_bucket(BUCKET, self)
        self.buckets[BUCKET]["softDeletePolicy"] = {"retentionDurationSeconds": "0"}

    def _write_config_to_file(self) -> None:
        """All that it holds, at every request: nobody reads it."""


class Handler(RequestHandler):
    """Handles one request at a time; reads and answers several."""

    protocol_version = "HTTP/1.1"
    alone: ClassVar = threading.Lock()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        near, far = self.rfile, self.wfile
        body = near.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        self.rfile, self.wfile = io.BytesIO(body), io.BytesIO()
        try:
            with self.alone:
                Router(self).handle(self.command)
            far.write(self.wfile.getvalue())
        except ConnectionError:  # whoever asked is gone
            self.close_connection = True
        finally:
            self.rfile, self.wfile = near, far

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def log_message(self, *words: Any) -> None:
        """Nobody reads it."""


def main() -> None:
    """Serve until the standard input ends, and answer its lines by the number of failures."""
    logging.getLogger().setLevel(logging.CRITICAL)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, Memory()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = FaultyProxy(("127.0.0.1", server.server_port), form="json", after_s=FAR_S)
    _say(proxy.port)
    for line in sys.stdin:
        words = json.loads(line)
        if words[0] == "fail":
            proxy.fail(words[1], words[2].encode())
        _say(proxy.failed)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
