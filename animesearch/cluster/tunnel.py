"""The dashboard of a cluster in the cloud, brought here through SSH by `ray dashboard`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from animesearch.cluster.plain import Launcher, Plain, RayCommandError

LOOPBACK = "127.0.0.1"
PATIENCE_S = 120.0
POLL_S = 0.2
LAST_LINES = 20
ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
"""What ends this process without an exception, unless it is caught."""


class Tunnel:
    """A running `ray dashboard`; :meth:`ensure` starts it anew where it has ended."""

    def __init__(self, launcher: Launcher, port: int) -> None:
        self.command: Plain = launcher.dashboard(port)
        self.address = f"http://{LOOPBACK}:{port}"
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self._said: deque[str] = deque(maxlen=LAST_LINES)
        self._listener: threading.Thread | None = None

    def ensure(self) -> None:
        """Return once the port answers.

        Raises:
            RayCommandError: the command ended, or the port did not answer for ``PATIENCE_S``.
        """
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise self._failure()
            if time.monotonic() > end:
                raise self._failure()
            time.sleep(POLL_S)

    def close(self) -> None:
        """End the command, if it runs, and the ssh that it started, which would outlive it."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """To all processes of the command's group, which outlives its first one."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _start(self) -> None:
        self._process = self.command.started()
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self._said.append(line.rstrip())

    def _answers(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self._port), 1.0).close()
        except OSError:
            return False
        return True

    def _failure(self) -> RayCommandError:
        code = self._process.poll() if self._process else None
        if code is not None and self._listener is not None:
            self._listener.join(POLL_S * 10)  # its last words may still be on their way
        return RayCommandError(str(self.command), code or 1, "\n".join(self._said))


@contextmanager
def tunnel(launcher: Launcher) -> Iterator[Tunnel]:
    """The head's dashboard at a free port of this machine."""
    found = Tunnel(launcher, free_port())
    with _ending_in_order():
        try:
            found.ensure()
            yield found
        finally:
            found.close()


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """A closed terminal or a SIGTERM ends this process like any exception: what it has started
    ends with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    caught = [one for one in ENDINGS if signal.getsignal(one) is signal.SIG_DFL]  # not with nohup
    for one in caught:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one in caught:
            signal.signal(one, signal.SIG_DFL)


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
