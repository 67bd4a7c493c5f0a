"""What worker processes have to say besides their reports, such as that they wait for a disk.

Workers of Ray Train must all report at the same moments, so one of them cannot speak up through
a report.  It leaves its words with an actor, which is there only once somebody has something to
say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

LOG = logging.getLogger(__name__)
NAME: Final = "animesearch-notices"
LOOK_S: Final = 5.0
ANSWER_S: Final = 10.0


class Notices:
    """The actor: keeps texts until somebody takes them."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        """Keep a text."""
        self._texts.append(text)

    def take(self) -> list[str]:
        """All texts since the last time."""
        texts, self._texts = self._texts, []
        return texts


def leave(text: str) -> None:
    """Tell the driver; what cannot be told stands in the worker's log."""
    import ray

    LOG.warning("%s", text)
    try:
        made = ray.remote(num_cpus=0)(Notices).options(name=NAME, get_if_exists=True)
        ray.get(made.remote().add.remote(text), timeout=ANSWER_S)
    except (ray.exceptions.RayError, ValueError) as error:
        LOG.warning("nobody could be told: %s", error)


def left() -> list[str]:
    """What was left since the last time."""
    import ray

    try:
        actor: Any = ray.get_actor(NAME)
        found: list[str] = ray.get(actor.take.remote(), timeout=ANSWER_S)
    except (ray.exceptions.RayError, ValueError):
        return []
    return found


@contextmanager
def passing_on(note: Callable[[str], None], look_s: float = LOOK_S) -> Iterator[None]:
    """While this is open ``note`` hears what workers leave, from a thread of its own."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(look_s):
            for text in left():
                note(text)

    thread = threading.Thread(target=look, daemon=True, name="notices")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
