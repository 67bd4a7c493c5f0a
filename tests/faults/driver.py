"""A search under Ray Tune on a cluster, whose trials train nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from animesearch.errors import LeavingError
from animesearch.results.state import RunState
from animesearch.tuning.bridge import KEY
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.leaving import LEAVING, answered, attentive, told
from animesearch.tuning.resources import Allotment
from tests.tuning.scripted import NOISE, RUNGS, open_race, score_of

PIDS, AT = "pids", "at"
STEPS = 10
"""Of what training takes from rung to rung; between any two a trial may leave."""


def scripted_trial(config: dict[str, Any], shared: dict[str, Any]) -> None:
    """Report each rung; keep the last one in a file, as a checkpoint would."""
    from ray import tune

    tell_process(Path(shared["folder"]), config[KEY]["trial_id"])
    try:
        with attentive():
            _rungs(config, shared, tune.report)
    except LeavingError as error:
        tune.report({LEAVING: str(error)})
        raise


def _rungs(config: dict[str, Any], shared: dict[str, Any], tell: Any) -> None:
    last = Path(shared["folder"]) / "trials" / f"{config[KEY]['trial_id']}.txt"
    begun = int(last.read_text()) if last.exists() else 0
    for rung in range(begun, len(RUNGS)):
        for _ in range(STEPS):
            if told():
                raise LeavingError(f"saved before rung {rung}")
            time.sleep(shared["seconds"] / STEPS)
        keep(last, rung)
        with answered():
            tell(reported(config[KEY]["trial"], rung))


def keep(last: Path, rung: int) -> None:
    """The checkpoint of a rung."""
    last.parent.mkdir(exist_ok=True)
    partial = last.with_suffix(".part")
    partial.write_text(str(rung))
    partial.replace(last)


def reported(trial: dict[str, Any], rung: int) -> dict[str, Any]:
    """What a trial of this configuration tells at a rung."""
    return {"rung": rung, "images": RUNGS[rung], "score": score_of(trial, rung), "noise": NOISE}


def tell_process(folder: Path, name: str) -> None:
    """Leave word of which process trains, and which ones ever did."""
    for kind in (PIDS, AT):
        (folder / kind).mkdir(exist_ok=True)
    (folder / PIDS / str(os.getpid())).touch()
    partial = folder / f".{name}"
    partial.write_text(str(os.getpid()))
    partial.replace(folder / AT / name)


def drive(
    folder: Path, trials: int, at_a_time: int = 1, seconds: float = 0.0, retries: int = 1
) -> tuple[bool, RunState]:
    """Run or resume on the Ray that this process is connected to."""
    race = open_race(folder / "journal", trials)
    return run_round(race, job_of(folder, at_a_time, seconds, retries)), race.state


def job_of(folder: Path, at_a_time: int, seconds: float, retries: int) -> Job:
    """What Tune runs."""
    shared = {"folder": str(folder), "seconds": seconds}
    allotment = Allotment(cpu=1.0, gpu=1.0, data_cpu=0.0, concurrency=at_a_time, workers=0)
    return Job(scripted_trial, shared, allotment, folder / "tune", retries)
