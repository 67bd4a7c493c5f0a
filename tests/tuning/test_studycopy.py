"""Optuna's study where others read it: right, replaceable, and without a password anywhere."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage

from animesearch.errors import SpaceError, UserError
from animesearch.results.journal import Journal, read_journal
from animesearch.results.records import RunOpened
from animesearch.results.state import RunState, fold
from animesearch.tuning.prepare import load_search
from animesearch.tuning.race import Race, RacePlan
from animesearch.tuning.samplers import Tpe
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.storageurl import PASSWORD, hidden
from animesearch.tuning.study import Brain
from animesearch.tuning.studycopy import StudyCopy, open_storage
from tests.tuning.scripted import RUNGS, SilentView, Workers, outcome, scripted_space
from tests.tuning.small import write_space

STATES = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL", "collapsed": "COMPLETE"}


def told_by(storage: BaseStorage, folder: Path, steps: int | None = None) -> RunState:
    """A race of 12 trials, whose study is copied to ``storage``; the state that it ended in."""
    state = fold(read_journal(folder))
    brain = Brain(scripted_space(), Tpe(startup=4), 0, StudyCopy(storage, "copied"))
    brain.restore(state, RUNGS)
    journal = Journal(folder)
    journal.append(RunOpened(at=0.0, session=state.sessions + 1))
    race = Race(RacePlan(RUNGS, 12, 0, Asha()), brain, journal, state, SilentView())
    Workers(race, 3).run(steps)
    brain.close()
    return race.state


def copied(storage: BaseStorage) -> list[tuple[Any, ...]]:
    """What another program reads."""
    study = optuna.load_study(study_name="copied", storage=storage)
    return [
        (trial.user_attrs["trial_id"], trial.state.name, trial.value, trial.params,
         list(trial.intermediate_values.items()))
        for trial in study.trials
    ]  # fmt: skip


def expected(state: RunState) -> list[tuple[Any, ...]]:
    rows = []
    for trial in state.trials.values():
        scores = [(RUNGS[report.rung], report.score) for report in trial.rungs.values()]
        word, value = "RUNNING", None
        if trial.ended is not None:
            pruned = trial.state == "pruned"
            word, value = STATES[trial.state], scores[-1][1] if pruned else trial.ended.told
        rows.append((trial.trial_id, word, value, trial.params, scores))
    return rows


@pytest.mark.parametrize("wanted", ["sqlite", "journal"])
def test_the_copy_tells_every_trial(tmp_path: Path, wanted: str) -> None:
    state = told_by(open_storage(wanted, tmp_path), tmp_path / "journal", steps=17)
    file = tmp_path / {"sqlite": "study.db", "journal": "study.log"}[wanted]
    assert file.is_file()
    running = copied(_opened(wanted, file))
    assert running == expected(state) and "RUNNING" in {row[1] for row in running}
    state = told_by(open_storage(wanted, tmp_path), tmp_path / "journal")
    assert copied(_opened(wanted, file)) == expected(state)
    assert {row[1] for row in expected(state)} == {"COMPLETE", "PRUNED"}


def _opened(wanted: str, file: Path) -> BaseStorage:
    if wanted == "sqlite":
        return optuna.storages.RDBStorage(f"sqlite:///{file}")
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    return JournalStorage(JournalFileBackend(str(file)))


def test_a_killed_drivers_lock_holds_up_nobody(tmp_path: Path) -> None:
    """Optuna waits 30 s for the lock of a journal file before it takes it for abandoned."""
    (tmp_path / "study.log.lock").symlink_to(tmp_path / "study.log")
    storage = open_storage("journal", tmp_path)
    assert StudyCopy(storage, "copied") and not (tmp_path / "study.log.lock").exists()


def test_many_searches_share_a_database(tmp_path: Path) -> None:
    """Each has a study of its own; a resumed one replaces its own alone."""
    url = f"sqlite:///{tmp_path / 'all.db'}"
    for name in ("one", "two", "one"):
        brain = Brain(scripted_space(), Tpe(), 0, StudyCopy(open_storage(url, tmp_path), name))
        brain.ask(0, "t0000")
        brain.close()
    storage = open_storage(url, tmp_path)
    assert sorted(optuna.get_all_study_names(storage)) == ["one", "two"]
    assert len(optuna.load_study(study_name="one", storage=storage).trials) == 1


class Failing(InMemoryStorage):
    """A database that is gone for a while in the middle of a search."""

    failures = 0

    def set_trial_state_values(self, *arguments: Any, **named: Any) -> bool:
        self.failures += 1
        raise OSError("postgresql://me:s3cret@host/db does not answer")


def test_a_database_that_is_gone_costs_the_search_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = told_by(open_storage("sqlite", tmp_path), tmp_path / "whole")
    storage = Failing()
    with caplog.at_level(logging.WARNING):
        state = told_by(storage, tmp_path / "journal")
    assert outcome(state) == outcome(whole)
    assert storage.failures == 1, "it is not asked again and again"
    (said,) = [record.getMessage() for record in caplog.records]
    assert "the search goes on" in said and "s3cret" not in said
    assert copied(storage) == expected(state), "written anew at the end"


# -- passwords and drivers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@host/db",
        "mysql+pymysql://me:s3:c@ret@host:3306/db",
        "postgresql+psycopg2:///db?user=me&password=s3cret",
    ],
)
def test_a_password_is_not_taken_from_a_space(tmp_path: Path, url: str) -> None:
    with pytest.raises(SpaceError, match=PASSWORD) as caught:
        load_search(str(write_space(tmp_path)), [f"search.storage={url}"])
    assert "s3" not in str(caught.value).replace(PASSWORD, "")


def test_the_environments_password_reaches_the_driver_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def get_storage(url: str) -> BaseStorage:
        asked.append(url)
        raise RuntimeError(f"cannot connect to {url} with p:w/rd")

    monkeypatch.setattr(optuna.storages, "get_storage", get_storage)
    monkeypatch.setenv(PASSWORD, "p:w/rd")
    with pytest.raises(UserError) as caught:
        open_storage("postgresql://me@host/db", tmp_path)
    assert asked == ["postgresql://me:p%3Aw%2Frd@host/db"]
    assert "p:w/rd" not in str(caught.value) and "p%3A" not in str(caught.value)
    assert caught.value.__cause__ is None, "nor in a traceback"


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [
        ("postgresql+psycopg2://me@host/db", "psycopg2", "psycopg2-binary"),
        ("postgresql+psycopg://me@host/db", "psycopg", "psycopg[binary]"),
        ("mysql://me@host/db", "MySQLdb", "mysqlclient"),
        ("mysql+pymysql://me@host/db", "pymysql", "pymysql"),
    ],
)
def test_a_missing_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as caught:
        open_storage(url, tmp_path)
    assert f"pip install '{package}'" in str(caught.value)


def test_text_without_a_password_stays() -> None:
    for text in ("sqlite:////tmp/a.db", "postgresql://me@host:5432/db", "at 12:30 me@host", ""):
        assert hidden(text) == text
