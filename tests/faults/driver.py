"""A search under Ray Tune on a cluster, whose trials train nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from animesearch.results.state import RunState
from animesearch.tuning.bridge import KEY
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.resources import Allotment
from tests.tuning.scripted import NOISE, RUNGS, open_race, score_of

PIDS, AT = "pids", "at"


def scripted_trial(config: dict[str, Any], shared: dict[str, Any]) -> None:
    """Report each rung; keep the last one in a file, as a checkpoint would."""
    from ray import tune

    folder, name = Path(shared["folder"]), config[KEY]["trial_id"]
    tell_process(folder, name)
    last = folder / "trials" / f"{name}.txt"
    begun = int(last.read_text()) if last.exists() else 0
    for rung in range(begun, len(RUNGS)):
        time.sleep(shared["seconds"])  # what training takes
        last.parent.mkdir(exist_ok=True)
        partial = last.with_suffix(".part")
        partial.write_text(str(rung))
        partial.replace(last)
        score = score_of(config[KEY]["trial"], rung)
        tune.report({"rung": rung, "images": RUNGS[rung], "score": score, "noise": NOISE})


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
    shared = {"folder": str(folder), "seconds": seconds}
    allotment = Allotment(cpu=1.0, gpu=1.0, data_cpu=0.0, concurrency=at_a_time, workers=0)
    complete = run_round(race, Job(scripted_trial, shared, allotment, folder / "tune", retries))
    return complete, race.state
