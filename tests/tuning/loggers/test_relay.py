"""Loggers cost no search, and say before it starts what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from animesearch.errors import UserError
from animesearch.results.records import TrialEnded
from animesearch.searchspace.space import parse_space
from animesearch.tuning.config import SpaceConfig
from animesearch.tuning.loggers import (
    LOGGERS,
    About,
    LoggerSpec,
    Logging,
    ToldTrial,
    TrialLog,
    check_loggers,
    tell_fresh,
)
from animesearch.tuning.loggers.base import plain
from animesearch.tuning.loggers.mlflow import Mlflow
from animesearch.tuning.loggers.tensorboard import TensorBoard
from animesearch.tuning.loggers.wandb import Wandb
from tests.tuning.loggers.told import ENDS, a_trial, about, rescored, tell, tell_under_tune

SPACE = """
dataset: {source: faces, size: 32}
trial: {architecture: penn-dcgan}
search: {images: 1000%s}
"""


class Told(LoggerSpec):
    """Writes down what it hears; fails at a word."""

    heard: ClassVar[list[tuple[str, str, str]]] = []

    name: Literal["told"] = "told"
    fails_at: str = ""

    def build(self, about: About) -> TrialLog:
        """See :class:`ToldLog`."""
        if self.fails_at == "build":
            raise ConnectionError("http://me:secret@there is away")
        return ToldLog(self.fails_at)


class ToldLog(TrialLog):
    """Into a list that all of them share."""

    def __init__(self, fails_at: str) -> None:
        self._fails_at = fails_at

    def _hear(self, what: str, trial: str = "", more: str = "") -> None:
        Told.heard.append((what, trial, more))
        if what == self._fails_at:
            raise ConnectionError("the server went away\nand more lines")

    def start(self, trial: ToldTrial) -> None:
        self._hear("start", str(trial))

    def report(self, trial: ToldTrial, images: int, metrics: Mapping[str, float]) -> None:
        self._hear("report", str(trial), f"{images} {sorted(metrics)}")

    def end(self, trial: ToldTrial) -> None:
        self._hear("end", str(trial), trial.state)

    def close(self) -> None:
        self._hear("close")


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    Told.heard.clear()


def logs_of(text: str) -> tuple[LoggerSpec, ...]:
    space = parse_space((SPACE % text).encode(), "space.yaml", SpaceConfig)
    assert isinstance(space.fixed, SpaceConfig)
    return space.fixed.search.logs


def test_what_a_space_says_of_them() -> None:
    assert logs_of("") == (TensorBoard(),)
    assert logs_of(", logs: []") == ()
    found = logs_of(", logs: [tensorboard, {name: mlflow, experiment: faces}, wandb]")
    assert found == (TensorBoard(), Mlflow(experiment="faces"), Wandb())
    with pytest.raises(UserError, match=r"unknown logger 'tensorbord', did you mean 'tensorboard'"):
        logs_of(", logs: [tensorbord]")


@pytest.mark.parametrize("spec", LOGGERS, ids=lambda spec: spec.component_name())
def test_every_logger_is_described_and_has_defaults(spec: type[LoggerSpec]) -> None:
    assert spec().name and spec.summary()
    for name, field in spec.model_fields.items():
        assert name == "name" or field.description, name


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("animesearch.tuning.loggers.base.find_spec", lambda package: None)
    with pytest.raises(UserError, match=rf"pip install 'animesearch\[{name}\]'"):
        check_loggers([TensorBoard(), LOGGERS.get(name)()])


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="names 'tensorboard' 2 times"):
        check_loggers([TensorBoard(), TensorBoard(grids=False)])


def test_each_trial_is_told_once_and_in_order(ray: None, tmp_path: Path) -> None:
    assert tell_under_tune(tmp_path, [Told()]) == []
    for name, state in ENDS.items():
        mine = [(what, more) for what, trial, more in Told.heard if trial == name]
        assert mine[0] == ("start", "") and mine[-1] == ("end", state)
        assert {what for what, _ in mine[1:-1]} <= {"report"}
    assert ("report", "t0000", "4000 ['loss_d', 'score']") in Told.heard
    assert Told.heard[-1] == ("close", "", "")
    under_tune = list(Told.heard)
    Told.heard.clear()
    tell(tmp_path / "again", [Told()])
    assert Told.heard == under_tune, "what the other tests are told is what Tune tells"
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not names & {"result.json", "progress.csv", "params.json"}, "Tune's own loggers are off"


@pytest.mark.parametrize("word", ["build", "start", "report", "end", "close"])
def test_a_logger_that_fails_is_left_out_and_said_so_once(tmp_path: Path, word: str) -> None:
    notes = tell(tmp_path, [Told(fails_at=word), TensorBoard()])
    assert len(notes) == 1 and notes[0].startswith("logger told is left out from now on: ")
    assert "secret" not in notes[0] and "more lines" not in notes[0]
    assert [what for what, _, _ in Told.heard].count(word) == (word != "build")
    assert len(list((tmp_path / "tensorboard").iterdir())) == len(ENDS), "the other goes on"


def test_a_score_on_fresh_samples_is_told_behind_the_end(tmp_path: Path) -> None:
    record, notes = rescored(tmp_path), list[str]()
    tell_fresh(Logging([Told(), TensorBoard()], about(tmp_path), notes.append), [record])
    assert Told.heard == [
        ("start", "t0007", ""),
        ("report", "t0007", "8000 ['fresh_noise', 'fresh_score']"),
        ("end", "t0007", "completed"),
        ("close", "", ""),
    ]
    assert record.rescored is not None
    remembered = record.rescored.model_copy(update={"memorisation": 3.0, "noise": None})
    record.rescored = remembered
    tell_fresh(Logging([Told()], about(tmp_path), notes.append), [record])
    assert Told.heard[5] == ("report", "t0007", "8000 ['fresh_score', 'memorisation']")
    Told.heard.clear()
    tell_fresh(Logging([Told()], about(tmp_path), notes.append), [])
    assert Told.heard == notes == [], "nothing is opened for nothing"


def test_a_logger_that_fails_at_fresh_scores_costs_nothing(tmp_path: Path) -> None:
    notes: list[str] = []
    logging = Logging([Told(fails_at="report")], about(tmp_path), notes.append)
    tell_fresh(logging, [rescored(tmp_path)] * 2)
    assert notes == ["logger told is left out from now on: the server went away"]


def test_only_finite_numbers_are_told() -> None:
    given = {"images": 4, "rung": 1, "score": 2, "loss": float("nan"), "far": float("inf"),
             "blind": True, "verdict": "explosion", "none": None}  # fmt: skip
    assert plain(given) == {"score": 2.0}


def test_a_trial_under_the_names_that_loggers_know(tmp_path: Path) -> None:
    trial = a_trial(tmp_path)
    assert (str(trial), trial.trial_id, trial.state) == ("t0007", "c0ffee-t0007", "interrupted")
    assert trial.config == {"seed": 7, "loss.name": "ns", "penalties.0.name": "r1"}
    assert Path(trial.local_path) == tmp_path / "trials/t0007"
    assert trial.grid(4000) is None
    trial.record.state = "collapsed"
    trial.record.ended = TrialEnded(at=0.0, trial_id="t0007", state="collapsed", reason="explosion")
    assert (trial.state, trial.reason) == ("collapsed", "explosion")
