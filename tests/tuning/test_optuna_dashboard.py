"""The study of a run, opened in optuna-dashboard: every trial in the state that it is in."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from animesearch.results.journal import Journal
from animesearch.results.records import RunOpened
from animesearch.results.state import RunState
from animesearch.tuning.race import Race, RacePlan
from animesearch.tuning.samplers import RandomSearch
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.study import Brain
from animesearch.tuning.studycopy import StudyCopy, open_storage
from tests.tuning.scripted import RUNGS, SilentView, scripted_space

dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
SHOWN = {
    "running": "Running",
    "early": "Pruned",  # collapsed before there was any score to make a penalty of
    "completed": "Complete",
    "pruned": "Pruned",
    "collapsed": "Complete",  # with a penalty
    "failed": "Fail",
}


def every_end(folder: Path) -> tuple[RunState, dict[str, str]]:
    """A race with trials that end in every way, one still running; its trials by the way."""
    journal, state = Journal(folder / "journal"), RunState()
    brain = Brain(
        scripted_space(), RandomSearch(), 0, StudyCopy(open_storage("sqlite", folder), "run")
    )
    journal.append(RunOpened(at=0.0, session=1))
    race = Race(RacePlan(RUNGS, 6, 0, Asha()), brain, journal, state, SilentView())
    names = {}
    for way in ("early", "completed", "pruned", "collapsed", "failed", "running"):
        assignment = race.next()
        assert assignment is not None
        names[way] = assignment.trial_id
        race.started(assignment.trial_id)
        _end(race, assignment.trial_id, way)
    brain.close()
    return state, names


def _end(race: Race, name: str, way: str) -> None:
    worse = {"pruned": 50.0, "completed": 10.0}
    for rung, images in enumerate(RUNGS if way in worse else ()):
        if not race.report(name, {"rung": rung, "images": images, "score": worse[way] - rung}):
            return
    if way in {"early", "collapsed"}:
        race.report(name, {"images": 500, "verdict": "explosion"})
    if way == "failed":
        race.ended(name, error="out of memory")


def asked(storage: optuna.storages.BaseStorage, path: str) -> Any:
    """The answer of the dashboard's own application."""
    status: list[str] = []

    def start(line: str, headers: Any, error: Any = None) -> None:
        status.append(line)

    request = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
    }  # fmt: skip
    content = b"".join(dashboard.wsgi(storage)(request, start))
    assert status == ["200 OK"], content
    return json.loads(content)


def test_the_states_are_right(tmp_path: Path) -> None:
    state, names = every_end(tmp_path)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    (summary,) = asked(storage, "/api/studies")["study_summaries"]
    trials = asked(storage, f"/api/studies/{summary['study_id']}")["trials"]
    shown = {}
    for trial in trials:
        attributes = {item["key"]: item["value"] for item in trial["user_attrs"]}
        shown[attributes["trial_id"]] = trial["state"]
    assert shown == {name: SHOWN[way] for way, name in names.items()}
    for way in ("early", "collapsed"):
        assert state.trials[names[way]].state == "collapsed"
    pruned = next(trial for trial in trials if trial["number"] == 2)
    assert [one["step"] for one in pruned["intermediate_values"]] == [RUNGS[0]]
