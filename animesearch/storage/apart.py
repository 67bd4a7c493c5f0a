"""Calls that an interrupt does not cut in half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Apart:
    """Runs calls of the main thread in another one, and waits for them there.

    Ctrl-C and SIGTERM raise in the main thread, between any two steps; a stream of Arrow's that
    is dropped between its opening and its writing publishes an empty object.  So the interrupt
    ends the waiting at once, and the call goes on to its own end; the next call waits for that.
    """

    def __init__(self) -> None:
        self._running: threading.Thread | None = None

    def __call__(self, call: Callable[[], T]) -> T:
        """What ``call`` returns or raises; other threads call it themselves."""
        if threading.current_thread() is not threading.main_thread():
            return call()
        self.settle()
        outcome: Future[T] = Future()
        self._running = threading.Thread(target=_run, args=(call, outcome), daemon=True)
        self._running.start()
        return outcome.result()

    def settle(self) -> None:
        """Wait for a call whose waiting was interrupted."""
        if self._running is not None:
            self._running.join()
            self._running = None


def _run(call: Callable[[], T], outcome: Future[T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as fault:  # noqa: BLE001 - handed to whoever waits
        outcome.set_exception(fault)
