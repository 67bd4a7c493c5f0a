"""Somebody who strikes while a search goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults.driver import AT
from tests.faults.machines import alive, until
from tests.tuning.scripted_driver import reports_in

PATIENCE_S = 240.0
"""For the next report: several workers take long to start where others work too."""


def training(folder: Path) -> int:
    """The process of the trial that was taken up last, once it runs."""
    found: list[int] = []

    def there() -> bool:
        entries = (folder / AT).glob("*") if (folder / AT).exists() else ()
        found[:] = [int(p.read_text()) for p in sorted(entries, key=lambda p: p.stat().st_mtime_ns)]
        return bool(found) and alive(found[-1])

    until(there, "a trial runs")
    return found[-1]


class Saboteur:
    """Strikes at moments of a search that goes on in this process meanwhile."""

    def __init__(
        self,
        folder: Path,
        at: list[int],
        strike: Callable[[int], None],
        find: Callable[[Path], int] = training,
    ) -> None:
        self._folder, self._at, self._strike, self._find = folder, at, strike, find
        self.struck: list[int] = []
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Saboteur:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join(10)
        assert len(self.struck) == len(self._at), "every fault struck"

    def _work(self) -> None:
        strike_at(self._folder, self._at, self._strike, self.struck, self._find)


def reached(folder: Path, reports: int) -> bool:
    """Whether the journal holds so many reports."""
    return reports_in(folder / "journal") >= reports


def strike_at(
    folder: Path,
    at: list[int],
    strike: Callable[[int], None],
    struck: list[int],
    find: Callable[[Path], int] = training,
) -> None:
    """``strike`` the process that trains after so many reports; which ones goes to ``struck``."""
    for reports in at:
        until(partial(reached, folder, reports), f"{reports} reports", PATIENCE_S)
        pid = find(folder)
        strike(pid)
        struck.append(pid)
        until(lambda pid=pid: not alive(pid), "the process is gone")
