"""The event files, read by TensorBoard's own reader."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from animesearch.tuning.loggers import Logging, ToldTrial, tell_fresh
from animesearch.tuning.loggers.tensorboard import EventFile, TensorBoard
from tests.tuning.loggers.told import ENDS, SCORED, a_trial, about, files_with, rescored, tell

accumulators = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="tensorboard is not installed (the extra of that name)",
)


def read(folder: Path) -> Any:
    """Everything in the files of a folder."""
    everything = {"scalars": 0, "images": 0, "tensors": 0}
    found = accumulators.EventAccumulator(str(folder), everything)
    found.Reload()
    return found


def hyperparameters(folder: Path) -> dict[str, Any]:
    from tensorboard.plugins.hparams import metadata

    content = read(folder).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = metadata.parse_session_start_info_plugin_data(content).hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}


def metrics_of(folder: Path) -> set[str]:
    """What the tab of hyperparameters shows beside them."""
    from tensorboard.plugins.hparams import metadata

    content = read(folder).SummaryMetadata("_hparams_/experiment").plugin_data.content
    infos = metadata.parse_experiment_plugin_data(content).metric_infos
    return {info.name.tag for info in infos}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A told search."""
    place = tmp_path_factory.mktemp("run")
    assert tell(place, [TensorBoard()]) == []
    return place


def test_scalars_and_grids_stand_at_the_images_shown(folder: Path) -> None:
    for name, rungs in SCORED.items():
        found = read(folder / "tensorboard" / name)
        scores = found.Scalars("score") if "score" in found.Tags()["scalars"] else []
        assert [event.step for event in scores] == rungs
        pictures = found.Images("samples") if rungs else []
        assert [(event.step, event.width, event.height) for event in pictures] == [
            (images, 10, 6) for images in rungs
        ]
    first = read(folder / "tensorboard/t0000")
    assert set(first.Tags()["scalars"]) == {"loss_d", "score"}, "no clock, no truth values"
    assert [event.step for event in first.Scalars("loss_d")][:2] == [3000, 4000]
    grid = folder / "trials/t0000/grids/000004000.png"
    assert first.Images("samples")[0].encoded_image_string == grid.read_bytes()


def test_hyperparameters_tell_what_became_of_each_trial(folder: Path) -> None:
    for name, state in ENDS.items():
        found = hyperparameters(folder / "tensorboard" / name)
        assert set(found) == {"architecture", "lr", "width", "seed", "state", "reason"}
        assert found["state"] == state
        assert found["reason"] == ("mode-collapse" if state == "collapsed" else "none")


def test_nothing_names_the_machine(folder: Path) -> None:
    events = list(folder.rglob("events.out.tfevents.*"))
    assert len(events) == len(ENDS)
    host = socket.gethostname()
    assert not [path for path in events if host in path.name]
    assert files_with(folder / "tensorboard", host) == []


def test_a_resumed_trial_goes_on_in_a_second_file(tmp_path: Path) -> None:
    trial = a_trial(tmp_path)
    for images in (1000, 2000):
        log = TensorBoard(grids=False).build(about(tmp_path))
        log.start(trial)
        log.report(trial, images, {"score": float(images)})
        log.close()
    place = tmp_path / "tensorboard" / "t0007"
    assert len(list(place.iterdir())) == 2
    found = read(place)
    assert [(event.step, event.value) for event in found.Scalars("score")] == [
        (1000, 1000.0), (2000, 2000.0)
    ]  # fmt: skip
    assert not found.Tags()["tensors"], "interrupted: no end of its session"


def test_a_score_on_fresh_samples_is_beside_the_others(tmp_path: Path) -> None:
    record = rescored(tmp_path)
    trial, log = ToldTrial(record, about(tmp_path)), TensorBoard().build(about(tmp_path))
    log.start(trial)
    log.report(trial, 8000, {"score": 11.0})
    log.end(trial)
    log.close()
    tell_fresh(Logging([TensorBoard()], about(tmp_path), lambda text: None), [record])
    place = tmp_path / "tensorboard/t0007"
    found = read(place)
    told = {name: [(event.step, event.value) for event in found.Scalars(name)]
            for name in found.Tags()["scalars"]}  # fmt: skip
    assert told == {"score": [(8000, 11.0)], "fresh_score": [(8000, 12.5)],
                    "fresh_noise": [(8000, 0.5)]}  # fmt: skip
    assert hyperparameters(place)["state"] == "completed"
    assert metrics_of(place) == {"score", "fresh_score"}


def test_grids_may_stay_out(tmp_path: Path) -> None:
    trial = a_trial(tmp_path)
    path = Path(trial.local_path) / "grids" / "000001000.png"
    path.parent.mkdir()
    Image.new("L", (4, 4)).save(path)
    for grids in (True, False):
        log = TensorBoard(grids=grids).build(about(tmp_path / str(grids)))
        log.start(trial)
        log.report(trial, 1000, {"score": 1.0})
        log.close()
        found = read(tmp_path / str(grids) / "tensorboard/t0007")
        assert found.Tags()["images"] == (["samples"] if grids else [])


def test_a_file_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file.add(64, {"loss_d": 0.5}, {})
    assert [event.value for event in read(tmp_path).Scalars("loss_d")] == [0.5]
    file.close()
