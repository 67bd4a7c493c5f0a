"""A real server of Google's protocol on the loopback, in a process of its own.

Arrow's client holds Python's lock during some of its requests: a server in the process that asks
could not answer them, nor a proxy pass them on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.storage.servers import Served, Way

ROOT = Path(__file__).parents[2]


class Gcs(Served):
    """An emulator of Google Cloud Storage: :mod:`tests.storage.google_process`."""

    scheme = "gs"


class FarProxy:
    """The :class:`~tests.storage.servers.FaultyProxy` of that process, told by lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._alone = threading.Lock()

    @property
    def failed(self) -> int:
        return self._ask("failed")

    def fail(self, way: Way, only: bytes = b"") -> None:
        self._ask("fail", way, only.decode())

    def _ask(self, *words: str) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._alone:
            self._process.stdin.write(f"{json.dumps(words)}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


@contextmanager
def gcs_server() -> Iterator[Gcs]:
    """Started and stopped; nothing of this process's environment is changed."""
    reason = "gcp-storage-emulator is no part of this installation"
    pytest.importorskip("gcp_storage_emulator", reason=reason)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.storage.google_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}"
        try:
            yield Gcs(FarProxy(process), {"CLOUD_STORAGE_EMULATOR_ENDPOINT": endpoint})
        finally:
            process.stdin.close()  # its end, also where this process is killed
