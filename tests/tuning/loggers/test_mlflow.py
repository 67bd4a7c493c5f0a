"""MLflow told for real, in a store of its own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from animesearch.errors import UserError
from animesearch.tuning.loggers import Logging, ToldTrial, tell_fresh
from animesearch.tuning.loggers.mlflow import RETRIES, URI, Mlflow
from tests.tuning.loggers.told import ENDS, SCORED, a_trial, about, rescored, tell

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (the extra of that name)")
STATUS = {"completed": "FINISHED", "failed": "FAILED", "collapsed": "KILLED", "pruned": "KILLED"}


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own MLflow, and a place where nothing may be left lying."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A told search."""
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(URI, raising=False)
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        assert tell(place, [Mlflow(grids=True)]) == []
        assert not list(Path.cwd().iterdir()), "nothing where the command was given"
    return place


def runs(folder: Path, experiment: str = "scripted") -> dict[str, Any]:
    """By name."""
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    place = client.get_experiment_by_name(experiment).experiment_id
    return {run.info.run_name: run for run in client.search_runs([place])}


def test_each_trial_is_a_run_that_ended_as_the_trial_did(folder: Path) -> None:
    found = runs(folder)
    assert {name: run.data.tags["state"] for name, run in found.items()} == ENDS
    assert {n: run.info.status for n, run in found.items()} == {
        name: STATUS[state] for name, state in ENDS.items()
    }
    assert found["t0002"].data.tags["reason"] == "mode-collapse"
    assert {run.data.tags["phase"] for run in found.values()} == {"race"}


def test_its_parameters_are_the_configuration_and_its_metrics_the_reports(folder: Path) -> None:
    found = runs(folder)
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    for name, run in found.items():
        assert set(run.data.params) == {"architecture", "lr", "width", "seed"}
        history = client.get_metric_history(run.info.run_id, "score")
        assert [metric.step for metric in history] == SCORED[name]
    assert set(found["t0000"].data.metrics) == {"score", "loss_d"}
    grids = client.list_artifacts(found["t0000"].info.run_id, "grids")
    assert [Path(file.path).name for file in grids] == [f"{n:09d}.png" for n in SCORED["t0000"]]
    assert (folder / "mlartifacts").is_dir()


def test_a_resumed_trial_goes_on_in_its_run(tmp_path: Path) -> None:
    trial, ids = a_trial(tmp_path), set()
    for images in (1000, 2000):
        log = Mlflow(experiment="faces").build(about(tmp_path))
        log.start(trial)
        assert runs(tmp_path, "faces")["t0007"].info.status == "RUNNING"
        log.report(trial, images, {"score": float(images)})
        log.close()
        (run,) = runs(tmp_path, "faces").values()
        assert (run.info.status, run.data.tags["state"]) == ("KILLED", "interrupted")
        ids.add(run.info.run_id)
    assert len(ids) == 1
    assert run.data.params == {"seed": "7", "loss.name": "ns", "penalties.0.name": "r1"}


def test_a_score_on_fresh_samples_goes_into_the_run_of_its_trial(tmp_path: Path) -> None:
    record, specs = rescored(tmp_path), [Mlflow(experiment="faces")]
    trial, log = ToldTrial(record, about(tmp_path)), specs[0].build(about(tmp_path))
    log.start(trial)
    log.report(trial, 8000, {"score": 11.0})
    log.end(trial)
    log.close()
    tell_fresh(Logging(specs, about(tmp_path), lambda text: None), [record])
    (run,) = runs(tmp_path, "faces").values()
    assert run.data.metrics == {"score": 11.0, "fresh_score": 12.5, "fresh_noise": 0.5}
    assert (run.info.status, run.data.tags["state"]) == ("FINISHED", "completed")


def test_another_run_of_the_same_search_has_its_own(tmp_path: Path) -> None:
    from dataclasses import replace

    for key in ("one", "two"):
        log = Mlflow().build(replace(about(tmp_path), key=key))
        log.start(a_trial(tmp_path))
        log.close()
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    place = client.get_experiment_by_name("scripted").experiment_id
    assert len(client.search_runs([place])) == 2


@pytest.mark.parametrize(
    "uri",
    ["http://me:secret@host:5000", "http://token@host", "postgresql://me:secret@host/db"],
)
def test_credentials_do_not_get_into_a_record(uri: str) -> None:
    with pytest.raises(ValidationError, match="MLFLOW_TRACKING_PASSWORD") as caught:
        Mlflow(uri=uri)
    assert "secret" not in caught.value.errors()[0]["msg"]
    assert Mlflow(uri="http://host:5000/x").uri == "http://host:5000/x"


def test_a_server_that_does_not_answer_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RETRIES, "0")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))  # taken, but nobody listens
        monkeypatch.setenv(URI, f"http://me:secret@127.0.0.1:{busy.getsockname()[1]}")
        with pytest.raises(UserError, match=r"MLflow cannot be reached at http://me:\*\*\*@") as no:
            Mlflow().check()
    assert "secret" not in str(no.value)
    monkeypatch.delenv(URI)
    Mlflow().check()
