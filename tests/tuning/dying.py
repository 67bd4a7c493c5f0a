"""The measuring of the reals, in a process that dies once: for workers, by name."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from animesearch.tuning.tasks import measure_reals

PLACE = "ANIMESEARCH_CACHE"


def dies_half_way(*arguments: Any) -> Iterator[Any]:
    """Killed after some marks."""
    yield from _dying(arguments, after=10)


def dies_before_it_answers(*arguments: Any) -> Iterator[Any]:
    """Killed when all is measured and kept, but not told."""
    yield from _dying(arguments, after=None)


def _dying(arguments: tuple[Any, ...], after: int | None) -> Iterator[Any]:
    once = Path(os.environ[PLACE]) / "died"
    for number, found in enumerate(measure_reals(*arguments)):
        due = number == after if after is not None else not isinstance(found, int)
        if due and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield found
