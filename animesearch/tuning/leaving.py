"""The word that a trial's process must end soon, and the time that it has to save its work.

It comes from the driver, whose search was interrupted; from Ray, which is emptying the node (a spot
notice that has reached ``ray start --block`` or Kubernetes); or as a SIGTERM to the process itself.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

GRACE_S: Final = 20.0
"""Seconds for a step and a checkpoint; Kubernetes kills after 30, clouds after 30 and more."""
LOOK_S: Final = 1.0
LEAVING: Final = "leaving"
"""Where a trial reports that it goes, and has saved what it had."""
_word = threading.Event()
_idle = threading.Event()
_idle.set()


def told() -> bool:
    """Whether this process must end soon; cheap enough for every step."""
    return _word.is_set()


@contextmanager
def attentive() -> Iterator[None]:
    """Inside, a trial trains: the word is listened for, and the process's end waits for its save.

    Ray's own answer to SIGTERM is to end the process in order, which waits for this.
    """
    _watch()
    _idle.clear()
    try:
        yield
    finally:
        _idle.set()


@contextmanager
def answered() -> Iterator[None]:
    """Within :func:`attentive`: the trial waits for an answer that a process which ends never gets,
    so that its end does not wait for the trial."""
    idle = _idle.is_set()
    _idle.set()
    try:
        yield
    finally:
        if not idle:
            _idle.clear()


@cache
def _watch() -> None:
    """Once in a process."""
    atexit.register(_hold)
    threading.Thread(target=_listen, daemon=True, name="leaving").start()


def _hold() -> None:
    """The process ends: a trial that is in training has until then."""
    if not _idle.is_set():
        _word.set()
        _idle.wait(GRACE_S)


def _listen() -> None:
    import ray

    pause = threading.Event()
    while not _word.is_set():
        # Parts of Ray that it does not promise: where they fail there is no word, and a trial
        # that goes loses what it did since its last rung.
        with contextlib.suppress(Exception):
            if ray.is_initialized() and (_rung(ray) or _draining(ray)):
                _word.set()
        pause.wait(LOOK_S)


def _key(ray: Any) -> bytes:
    """The same in a driver and in all processes of its search."""
    return f"animesearch/leaving/{ray.get_runtime_context().get_job_id()}".encode()


def _rung(ray: Any) -> bool:
    from ray.experimental import internal_kv

    return bool(internal_kv._internal_kv_exists(_key(ray)))


def _draining(ray: Any) -> bool:
    client = ray._private.worker.global_worker.gcs_client
    return ray.get_runtime_context().get_node_id() in client.get_draining_nodes(timeout=5)


def ring() -> None:
    """Tell all processes of this driver's search."""
    import ray
    from ray.experimental import internal_kv

    with contextlib.suppress(Exception):  # see _listen
        internal_kv._internal_kv_put(_key(ray), b"now", overwrite=True)


def hush() -> None:
    """The word is over."""
    import ray
    from ray.experimental import internal_kv

    with contextlib.suppress(Exception):
        internal_kv._internal_kv_del(_key(ray))
