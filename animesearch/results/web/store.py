"""The runs that the dashboard shows: one run folder, or all of a folder of runs."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from animesearch.errors import RunFolderError
from animesearch.results.board import board_rows, run_facts
from animesearch.results.configurations import RankedConfiguration, rank_configurations
from animesearch.results.folder import RunFolder
from animesearch.results.ranking import Ranked, rank
from animesearch.results.records import FORMAT, RunInfo
from animesearch.results.state import RunState, snapshot
from animesearch.results.web.grids import GridIndex, Grids
from animesearch.results.web.tail import Damage, JournalTail

MARK = "run.json"


@dataclass(frozen=True)
class Moment:
    """A run as it stood at one ``revision``, a number that grows with every change.

    Later events do not change it, so that many threads may read it.
    """

    key: str
    revision: int
    folder: RunFolder
    info: RunInfo
    state: RunState
    damage: tuple[Damage, ...]
    grids: Grids

    @cached_property
    def ranking(self) -> list[Ranked]:
        return rank(self.state)

    @cached_property
    def configurations(self) -> list[RankedConfiguration]:
        return rank_configurations(self.state)

    @cached_property
    def facts(self) -> dict[str, Any]:
        return run_facts(self.info, self.state, self.configurations)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The configurations as rows of a page."""
        return board_rows(self.configurations, self.ranking, self.state)


class Run:
    """One run folder, followed; safe between threads."""

    def __init__(self, path: Path) -> None:
        self.key = path.resolve().name
        self.folder = RunFolder(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] = ()
        self._tail = JournalTail(self.folder.journal)
        self._grids = GridIndex(path / "trials")
        self._moment: Moment | None = None

    def moment(self) -> Moment:
        """The run as it stands now; :class:`RunFolderError` where run.json cannot be read."""
        with self._lock:
            described = self._refresh_info()
            grew = self._tail.refresh()
            if self._moment is None or described or grew or self._grids.changed():
                self._moment = self._copy()
            return self._moment

    def _refresh_info(self) -> bool:
        """Whether run.json is new; another one means another run in the same place."""
        stamp = self._stamp_of_info()
        if stamp == self._stamp:
            return False
        self._info = self._read_info()
        self._tail = JournalTail(self.folder.journal)
        self._stamp = stamp
        return True

    def _read_info(self) -> RunInfo:
        """Without the parser's words in the error: they tell paths, and quote the file."""
        try:
            return self.folder.info()
        except RunFolderError as error:
            problem = f"{MARK} of {self.key} cannot be read as that of a run (format {FORMAT})"
            raise RunFolderError(problem) from error

    def _stamp_of_info(self) -> tuple[int, ...]:
        try:
            found = self.folder.info_file.stat()
        except OSError as error:
            raise RunFolderError(f"the run {self.key} is gone") from error
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _copy(self) -> Moment:
        state, known = self._tail.state, self._moment.revision if self._moment else 0
        copied = RunState(
            trials={trial_id: snapshot(trial) for trial_id, trial in state.trials.items()},
            reports=list(state.reports),
            sessions=state.sessions,
            outcome=state.outcome,
        )
        return Moment(
            key=self.key,
            revision=max(known + 1, self._tail.last),
            folder=self.folder,
            info=self._info,
            state=copied,
            damage=tuple(self._tail.damage),
            grids=self._grids.read(state.trials),
        )


class Store:
    """The runs below ``path``, found anew at each look, followed as long as they stay.

    ``notice`` says what whoever looks should know of the place as a whole.
    """

    def __init__(self, path: Path, notice: Callable[[], str] = lambda: "") -> None:
        if not path.is_dir():
            raise RunFolderError(f"there is no folder {path}")
        self.path = path
        self.notice = notice
        self.single = (path / MARK).is_file()
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        if not self.runs():
            raise RunFolderError(f"{path} is neither a run folder nor a folder of them: no {MARK}")

    def runs(self) -> list[Run]:
        """The runs by name."""
        paths = [self.path] if self.single else _below(self.path)
        with self._lock:
            known = {run.folder.path: run for run in self._runs.values()}
            runs = [known.get(path) or Run(path) for path in paths]
            self._runs = {run.key: run for run in runs}
            return runs

    def preload(self) -> None:
        """Begin to read, so that the first page need not wait; returns at once."""
        threading.Thread(target=self._read_all, daemon=True, name="preload").start()

    def _read_all(self) -> None:
        for run in self.runs():
            with contextlib.suppress(RunFolderError):
                run.moment()

    def run(self, key: str) -> Run:
        """The run of that name; :class:`KeyError` for another.  Nothing of ``key`` is a path."""
        if key not in self._runs:
            self.runs()
        return self._runs[key]


def _below(path: Path) -> list[Path]:
    """Folders with a run.json, one level down; links are not followed (``latest -> ...``)."""
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return [path / name for name in names if (path / name / MARK).is_file()]
