"""A search whose trials end in every way there is, told to loggers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image
from ray.tune.schedulers import TrialScheduler

from animesearch.results.folder import RunFolder
from animesearch.results.records import Rescored, TrialCreated, TrialEnded
from animesearch.results.state import TrialRecord
from animesearch.tuning.bridge import KEY, RaceCallback, RaceScheduler, assignment_config
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.loggers import About, LoggerSpec, Logging, ToldTrial
from animesearch.tuning.relay import Relay
from animesearch.tuning.resources import Allotment
from tests.tuning.scripted import RUNGS, open_race, score_of

BROKEN, COLLAPSING = {2}, {5}
"""Widths of trials that fail, and that collapse before their first rung."""
ENDS = {"t0000": "completed", "t0001": "failed", "t0002": "collapsed", "t0003": "pruned"}
SCORED = {"t0000": [4000, 8000, 16000, 32000], "t0001": [], "t0002": [], "t0003": [4000]}


def reports(folder: Path, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A tick, then a score and a grid at each rung, unless the width forbids it."""
    name, trial = config[KEY]["trial_id"], config[KEY]["trial"]
    for rung, images in enumerate(RUNGS if trial["width"] not in BROKEN else ()):
        yield {"images": images - 1000, "loss_d": 1.5, "d_blind": False}
        if trial["width"] in COLLAPSING:
            told = {"verdict": "mode-collapse", "evidence": "diversity 0.001"}
            yield {"images": images, "loss_d": 0.0, **told}
            return
        grid = RunFolder(folder).trial(name) / "grids" / f"{images:09d}.png"
        grid.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 6), (rung, 0, 0)).save(grid)
        yield {"rung": rung, "images": images, "score": score_of(trial, rung), "loss_d": 1.0}


def ending_trial(config: dict[str, Any], shared: str) -> None:
    """Tune's function."""
    from ray import tune

    for metrics in reports(Path(shared), config):
        tune.report(metrics)
    if config[KEY]["trial"]["width"] in BROKEN:
        raise RuntimeError("this width is broken")


def about(folder: Path) -> About:
    """What a logger knows of the run."""
    return About(RunFolder(folder), "scripted", "fd-lite0", "c0ffee")


def a_trial(folder: Path, number: int = 7) -> ToldTrial:
    """One that no search has."""
    record = TrialRecord(
        TrialCreated(
            at=0.0, trial_id=f"t{number:04d}", number=number, config_id="abc", seed=number,
            params={"loss": "ns"}, config={"loss": {"name": "ns"}, "penalties": [{"name": "r1"}]},
        ),
        state="running",
    )  # fmt: skip
    return ToldTrial(record, about(folder))


def rescored(folder: Path) -> TrialRecord:
    """A trial that is over, with a score on fresh samples; its last images were 8,000."""
    record = a_trial(folder).record
    record.state = "completed"
    record.ended = TrialEnded(at=0.0, trial_id=record.trial_id, state="completed", images=8000)
    record.rescored = Rescored(
        at=0.0, trial_id=record.trial_id, score=12.5, samples=500, first_latent=100, noise=0.5
    )
    return record


def tell(folder: Path, specs: Sequence[LoggerSpec]) -> list[str]:
    """The search without Tune: its trials one after the other; what the person was told."""
    race, notes = open_race(folder / "journal", len(ENDS)), list[str]()
    relay = Relay(race, Logging(specs, about(folder), notes.append))
    first = RaceCallback(race, retries=0)
    while (assignment := race.next()) is not None:
        trial: Any = SimpleNamespace(config=assignment_config(assignment), error_file=None)
        for callback in (first, relay):
            callback.on_trial_start(0, [], trial)
        _train(folder, trial, RaceScheduler(race), relay)
        for callback in (first, relay):
            if assignment.config["width"] in BROKEN:
                callback.on_trial_error(0, [], trial)
            else:
                callback.on_trial_complete(0, [], trial)
    relay.close()
    assert {name: trial.state for name, trial in race.state.trials.items()} == ENDS
    return notes


def _train(folder: Path, trial: Any, scheduler: RaceScheduler, relay: Relay) -> None:
    """What the trial reports until it ends or is stopped."""
    for metrics in reports(folder, trial.config):
        result = {**metrics, "hostname": "mine", "training_iteration": 1, "done": False}
        proceed = scheduler.on_trial_result(None, trial, result)
        relay.on_trial_result(0, [], trial, result)
        if proceed != TrialScheduler.CONTINUE:
            return


def tell_under_tune(folder: Path, specs: Sequence[LoggerSpec]) -> list[str]:
    """The same search with trials in processes of Ray Tune."""
    race, notes = open_race(folder / "journal", len(ENDS)), list[str]()
    allotment = Allotment(cpu=1.0, gpu=0.0, data_cpu=0.0, concurrency=1, workers=0)
    logging = Logging(specs, about(folder), notes.append)
    job = Job(ending_trial, str(folder), allotment, folder / "tune", retries=0, logging=logging)
    assert run_round(race, job)
    assert {name: trial.state for name, trial in race.state.trials.items()} == ENDS
    return notes


def files_with(folder: Path, secret: str) -> list[str]:
    """Names of the files below ``folder`` that hold a text."""
    paths = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return [str(path) for path in paths if secret.encode() in path.read_bytes()]
