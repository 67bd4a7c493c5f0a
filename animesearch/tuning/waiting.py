"""Telling the person at the screen that a cluster has no machine for the search yet."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from animesearch.results.formats import roughly
from animesearch.tuning.attach import machines_now
from animesearch.tuning.resources import Machine, Node

LOOK_S = 5.0
FIRST_S = 30.0
"""Seconds without a machine before the first word, and twice as many before each next one."""


@dataclass
class Wait:
    """What to say about a cluster that is looked at now and then: pure, fed with the time.

    ``need`` is what one trial takes of one machine.
    """

    need: Node
    where: str
    since: float | None = None
    next_word: float = FIRST_S

    def look(self, nodes: Sequence[Node], now: float) -> str:
        """A line for the screen, or ''; ``nodes`` are the machines at ``now`` seconds."""
        if any(one.cpus >= self.need.cpus and one.gpus >= self.need.gpus for one in nodes):
            return self._arrived(nodes, now)
        self.since = now if self.since is None else self.since
        if now - self.since < self.next_word:
            return ""
        self.next_word *= 2
        there = ", ".join(str(node) for node in nodes) or "none"
        return (
            f"waiting since {roughly(now - self.since)} for a machine with {self.need.cpus:g} CPU, "
            f"{self.need.gpus:g} GPU; those of {self.where}: {there}. `ray status` there tells why "
            "none comes"
        )

    def _arrived(self, nodes: Sequence[Node], now: float) -> str:
        spoken, since = self.next_word > FIRST_S, self.since
        self.since, self.next_word = None, FIRST_S
        if since is None or not spoken:
            return ""
        there = ", ".join(str(node) for node in nodes)
        return f"machines came after {roughly(now - since)}: {there}"


@contextmanager
def watching(machine: Machine, need: Node, say: Callable[[str], None]) -> Iterator[None]:
    """Inside, say when no machine of an attached cluster can run a single trial for a while.

    Nothing else would: tasks and trials wait for resources without a word.
    """
    if not machine.cluster:
        yield
        return
    done = threading.Event()
    wait = Wait(need, machine.name)
    thread = threading.Thread(target=_watch, args=(wait, say, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(wait: Wait, say: Callable[[str], None], done: threading.Event) -> None:
    while not done.wait(LOOK_S):
        with contextlib.suppress(Exception):  # a head that is gone ends the search by itself
            if line := wait.look(machines_now(), time.monotonic()):
                say(line)
