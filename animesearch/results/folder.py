"""Where everything stands in a run folder.

::

    run.json              what the run is (RunInfo)
    space.yaml            the space as it was read
    overrides.json        what --set changed in it
    journal/00000001.json segments of events: the truth
    study.db              Optuna's study, made from the journal
    data/                 reals.png, manifest.json of the packed set, nearest/*.png
    plugins/              copies of the plug-ins that were given; run.json has their hashes
    trials/t0000/         losses.csv, grids/*.png, checkpoints/*, nearest.json
    tensorboard/          event files (search.logs); mlflow.db, mlartifacts/, wandb/ where asked for
    tune/                 Ray Tune's own files
    best.png ranking.json after the race
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from animesearch.errors import RunFolderError
from animesearch.files import read_bounded, write_atomic
from animesearch.plugins import Plugin, read_plugin
from animesearch.results.journal import LARGEST, Journal, Outlet, read_journal
from animesearch.results.records import FORMAT, RunInfo
from animesearch.results.state import RunState, fold
from animesearch.storage.patience import Patience
from animesearch.storage.tree import files_below

T = TypeVar("T")
ROOM_TO_BEGIN = 200_000_000
"""Bytes that must be free: journal, grids and the checkpoints of a small search."""


class RunFolder:
    """Paths of a run and readers of its files; writes only what it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._patience: Patience | None = None

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """A new, empty run folder; :class:`RunFolderError` where something stands already."""
        cls.refuse_occupied(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"cannot make the run folder {path}: {error}") from error
        return cls(path)

    @staticmethod
    def refuse_occupied(path: Path) -> None:
        """Raise :class:`RunFolderError` where ``path`` is anything but absent or empty."""
        try:
            if path.exists() and not path.is_dir():
                raise RunFolderError(f"{path} is a file; choose another --out")
            occupied = path.exists() and any(path.iterdir())
        except OSError as error:
            raise RunFolderError(f"cannot look into {path}: {error}") from error
        if occupied:
            raise RunFolderError(f"{path} exists and is not empty; {_other_way(path)}")

    @staticmethod
    def refuse_full_disk(path: Path, needed: int = ROOM_TO_BEGIN) -> None:
        """Raise :class:`RunFolderError` where no folder can be made, or where fewer than
        ``needed`` bytes are free."""
        place = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise RunFolderError(f"cannot make the run folder {path}: {place} cannot be written")
        free = shutil.disk_usage(place).free
        if free < needed:
            raise RunFolderError(
                f"the disk of {path} is too full to begin: {free / 1e6:,.0f} MB are free, a run "
                f"needs at least {needed / 1e6:,.0f} MB; choose another place with --out"
            )

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run folder; :class:`RunFolderError` where there is none."""
        folder = cls(path)
        if not path.is_dir():
            raise RunFolderError(f"there is no run folder {path}")
        if not folder.info_file.is_file():
            raise RunFolderError(f"{path} is not a run folder: it has no run.json{_inside(path)}")
        return folder

    @property
    def place(self) -> str:
        """Where the run lives, as the user names it."""
        return str(self.path)

    @property
    def uri(self) -> str:
        """The URI that the run lives at; empty where it lives in this folder."""
        return ""

    def refuse_unusable(self) -> None:
        """Raise :class:`RunFolderError` where no new run can be begun."""
        self.refuse_occupied(self.path)
        self.refuse_full_disk(self.path)

    def make(self) -> None:
        """Make the folder of a new run; :class:`RunFolderError` where something stands by now."""
        self.create(self.path)

    # -- where the run lives: here, unless a subclass says otherwise ----------------------------

    def wait_patiently(self, patience: Patience) -> None:
        """From now on wait for a disk that is full and a store that is away."""
        self._patience = patience

    def hurry(self) -> None:
        """From now on wait for a moment only: the user wants an end."""
        if self._patience is not None:
            self._patience.hurry()

    def patiently(self, write: Callable[[], T], doing: str) -> T:
        """What ``write`` returns, which may be repeated; ``doing`` says what it does."""
        return write() if self._patience is None else self._patience(write, doing)

    def open_journal(self) -> Journal:
        """For its one writer, who holds the lock."""
        return Journal(self.journal, self.segment_outlet(), self._patience)

    def segment_outlet(self) -> Outlet | None:
        """What brings a segment to where the run lives, before its decision acts."""
        return None

    def publish(self, *names: str) -> None:
        """Bring these files and folders, which are whole, to where the run lives."""

    def fetch(self, *names: str) -> None:
        """Bring these files and folders here as they stand where the run lives."""

    def fetch_pictures(self) -> None:
        """Bring all files but checkpoints here."""

    def remove(self, name: str) -> None:
        """Delete a folder of the run, wherever it stands."""
        shutil.rmtree(self.path / name, ignore_errors=True)

    def sizes(self) -> dict[str, int]:
        """Bytes of all files of the run, wherever it lives."""
        return {name: _size(self.path / name) for name in files_below(self.path)}

    def apart(self) -> RunFolder:
        """The same run for another thread, which does not wait for a store that is away."""
        return RunFolder(self.path)

    def files(self, name: str) -> list[str]:
        """Names of the files below a folder of the run, wherever they stand."""
        return sorted(files_below(self.path, name))

    @property
    def info_file(self) -> Path:
        return self.path / "run.json"

    @property
    def space_file(self) -> Path:
        return self.path / "space.yaml"

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    @property
    def study(self) -> Path:
        return self.path / "study.db"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def plugins(self) -> Path:
        return self.path / "plugins"

    @property
    def ranking_file(self) -> Path:
        return self.path / "ranking.json"

    @property
    def wall(self) -> Path:
        """The best trials' grids beside real images."""
        return self.path / "best.png"

    def trial(self, trial_id: str) -> Path:
        """The trial's own folder; :class:`RunFolderError` for a name that is no trial's."""
        if not re.fullmatch(r"[A-Za-z0-9_-]+", trial_id):
            raise RunFolderError(f"'{trial_id}' is not the name of a trial (such as t0007)")
        return self.path / "trials" / trial_id

    def checkpoints(self, trial_id: str) -> Path:
        return self.trial(trial_id) / "checkpoints"

    def info(self) -> RunInfo:
        """The run's description; refuses another format and broken files."""
        try:
            return RunInfo.model_validate_json(read_bounded(self.info_file, LARGEST, links=False))
        except (ValidationError, OSError) as error:
            raise RunFolderError(
                f"{self.info_file} cannot be read as a run of format {FORMAT}: {error}"
            ) from error

    def write_info(self, info: RunInfo) -> None:
        write_atomic(self.info_file, info.model_dump_json(indent=1).encode() + b"\n")

    def keep_plugins(self, plugins: Sequence[Plugin]) -> dict[str, str]:
        """Write a copy of each; the SHA-256 of every file, for :class:`RunInfo`."""
        for plugin in plugins:
            write_atomic(self.plugins / plugin.copy_name, plugin.source)
        return {plugin.copy_name: plugin.digest for plugin in plugins}

    def kept_plugins(self, info: RunInfo) -> tuple[Plugin, ...]:
        """The copies, read only: whoever imports them runs what this folder holds.

        Raises :class:`RunFolderError` for one that was changed since the run began, and
        :class:`UserError` where it is missing.
        """
        return tuple(self._kept(name, digest) for name, digest in info.plugins.items())

    def _kept(self, name: str, digest: str) -> Plugin:
        if Path(name).name != name:
            raise RunFolderError(f"{self.info_file} names a plug-in outside its folder: {name}")
        plugin = read_plugin(self.plugins / name)
        if plugin.digest != digest:
            raise RunFolderError(
                f"{plugin.file} was changed since the run began (its SHA-256 is not that of "
                "run.json): put it back, or start a new run with --plugin"
            )
        return plugin

    def state(self) -> RunState:
        """The state that the journal tells."""
        return fold(read_journal(self.journal))

    @contextmanager
    def lock(self, new: bool = False) -> Iterator[None]:  # noqa: ARG002 - a subclass needs it
        """Hold the run for one driver; a second one on this machine gets an error.

        The lock goes with the process, however it ends, so that a killed driver leaves none.  A
        ``new`` run has nothing that this driver could go on with.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            handle = os.open(self.path / ".lock", flags, 0o644)
        except OSError as error:
            raise RunFolderError(f"cannot write in the run folder {self.path}: {error}") from error
        try:
            self._take(handle)
            yield
        finally:
            os.close(handle)

    def _take(self, handle: int) -> None:
        import fcntl  # POSIX only; reading a copied run folder must work without it

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise RunFolderError(f"cannot lock the run folder {self.path}: {error}") from error
            raise RunFolderError(
                f"{self.place} is in use: another animesearch process is running this search"
            ) from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone meanwhile
        return 0


def _other_way(path: Path) -> str:
    """What to do with a folder that is taken: resume it only where it is a run."""
    if (path / "run.json").is_file():
        return f"choose another --out, or go on with that run: animesearch resume {path}"
    return "choose another --out"


def _inside(path: Path) -> str:
    """A run in a folder of runs that was taken for one: the one begun last."""
    runs = sorted(path.glob("*/run.json"), key=lambda info: info.stat().st_mtime)
    return f"; a run in it is {runs[-1].parent}" if runs else ""
