"""The study of a run where others read it: an Optuna storage that is written, never read.

The sampler works on a study in memory, made from the journal.  With Optuna's own way, a sampler on
a database, each draw reads every running trial back through SQL: 0.2 s a trial at 500 trials,
where this takes a tenth of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from animesearch.errors import UserError
from animesearch.results.records import Scalar
from animesearch.tuning.recent import IDENTITY
from animesearch.tuning.storageurl import PASSWORD, hidden

LOG = logging.getLogger(__name__)
SQLITE, JOURNAL = "sqlite", "journal"
SQLITE_FILE, JOURNAL_FILE = "study.db", "study.log"
DRIVERS: Mapping[str, str] = {
    "psycopg2": "psycopg2-binary",
    "psycopg": "psycopg[binary]",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
}
"""What to install for a module that SQLAlchemy wants, where the names differ."""


def open_storage(wanted: str, folder: Path) -> BaseStorage:
    """Optuna's storage for ``search.storage``; files are made anew in ``folder``.

    Raises :class:`UserError`, without the password, for a storage that cannot be used: SQLAlchemy,
    its drivers and Optuna share no exception for a bad URL, a missing driver or a database that
    does not answer.
    """
    try:
        if wanted == JOURNAL:
            return _journal(folder / JOURNAL_FILE)
        if wanted == SQLITE:
            return _sqlite(folder / SQLITE_FILE)
        return optuna.storages.get_storage(_with_password(wanted))
    except ImportError as error:
        raise _refused(wanted, _missing(error)) from None
    except Exception as error:  # noqa: BLE001 - see above
        raise _refused(wanted, hidden(str(error))) from None


def try_storage(wanted: str) -> None:
    """A database that does not answer is told before anything starts."""
    if wanted not in (SQLITE, JOURNAL):
        open_storage(wanted, Path()).remove_session()


def _sqlite(path: Path) -> BaseStorage:
    """Without a sync for each of a trial's ten transactions: after a loss of power the file is
    made anew with the next session."""
    from sqlalchemy import event

    path.unlink(missing_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")

    @event.listens_for(storage.engine, "connect")
    def unsynced(connection: Any, record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    storage.engine.dispose()  # of the connections that were there before
    return storage


def _journal(path: Path) -> BaseStorage:
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)  # of a driver that was killed
    return JournalStorage(JournalFileBackend(str(path)))


def _with_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    password = os.environ.get(PASSWORD)
    if not password or "://" not in url:
        return url
    return make_url(url).set(password=password).render_as_string(hide_password=False)


def _missing(error: ImportError) -> str:
    """What to install for a URL whose driver is not there."""
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    module = (cause.name or "").partition(".")[0]
    package = DRIVERS.get(module, module or "the driver that SQLAlchemy names")
    return f"its database driver is missing; install it: pip install '{package}'"


def _refused(wanted: str, problem: str) -> UserError:
    return UserError(
        f"search.storage '{hidden(wanted)}' cannot be used: {problem}; allowed: sqlite or journal "
        "(a file in the run folder), or a database URL such as "
        "postgresql://user@host/name, its password in the environment as " + PASSWORD
    )


class StudyCopy:
    """Tells a storage of each trial what the study in memory is told.

    A storage that fails does not cost the search anything but this copy: that is said once, and
    :meth:`close` writes the copy anew.
    """

    def __init__(self, storage: BaseStorage, name: str) -> None:
        self._storage, self._name = storage, name
        self._ids: dict[str, int] = {}
        self._behind = False
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study_id = self._created()

    def add(self, trial_id: str, trial: FrozenTrial) -> None:
        """A trial, running or ended."""
        self._try(lambda: self._add(trial_id, trial))

    def report(self, trial_id: str, step: int, score: float) -> None:
        """A score at a rung."""
        self._try(
            lambda: self._storage.set_trial_intermediate_value(self._ids[trial_id], step, score)
        )

    def end(
        self, trial_id: str, state: TrialState, value: float | None, told: Mapping[str, Scalar]
    ) -> None:
        """The trial's end; ``told`` are its attributes."""
        self._try(lambda: self._end(self._ids.pop(trial_id), state, value, told))

    def close(self, trials: Iterable[FrozenTrial]) -> None:
        """Let go of the storage; a copy that fell behind is written anew from ``trials``."""
        if self._behind:
            self._behind = False
            self._try(lambda: self._rewrite(trials))
        self._storage.remove_session()

    def _add(self, trial_id: str, trial: FrozenTrial) -> None:
        made = self._storage.create_new_trial(self._study_id, template_trial=trial)
        if not trial.state.is_finished():
            self._ids[trial_id] = made

    def _end(
        self, made: int, state: TrialState, value: float | None, told: Mapping[str, Scalar]
    ) -> None:
        for key, attribute in told.items():
            self._storage.set_trial_user_attr(made, key, attribute)
        self._storage.set_trial_state_values(made, state, None if value is None else [value])

    def _rewrite(self, trials: Iterable[FrozenTrial]) -> None:
        self._study_id = self._created()
        for trial in trials:
            self._add(trial.user_attrs[IDENTITY], trial)

    def _created(self) -> int:
        if self._name in optuna.get_all_study_names(self._storage):
            optuna.delete_study(study_name=self._name, storage=self._storage)
        return self._storage.create_new_study([StudyDirection.MINIMIZE], self._name)

    def _try(self, write: Callable[[], None]) -> None:
        if self._behind:
            return
        try:
            write()
        except Exception as error:  # noqa: BLE001 - whatever a database driver raises
            self._behind = True
            problem = hidden(str(error)).strip().splitlines()
            LOG.warning(
                "Optuna's study cannot be written (%s); the search goes on, and writes it anew at "
                "its end",
                problem[0] if problem else type(error).__name__,
            )
