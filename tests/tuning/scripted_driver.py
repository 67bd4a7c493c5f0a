"""A whole search under Ray Tune whose trials train nothing, as a program that can be killed.

``python -m tests.tuning.scripted_driver FOLDER TRIALS CONCURRENCY [SECONDS]``: a new search in
FOLDER, or its resumption.  Each report takes SECONDS.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from animesearch.results.journal import read_journal, segments
from animesearch.results.state import RunState, fold
from animesearch.tuning.bridge import KEY
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.finals import FinalsPlan
from animesearch.tuning.resources import Allotment
from tests.tuning.scripted import NOISE, RUNGS, open_finals, open_race, score_of


def scripted_trial(config: dict[str, Any], shared: dict[str, Any]) -> None:
    """Report each rung; keep the last one in a file, as a checkpoint would."""
    from ray import tune

    trial = config[KEY]["trial"]
    last = Path(shared["folder"]) / "trials" / f"{config[KEY]['trial_id']}.txt"
    begun = int(last.read_text()) if last.exists() else 0
    for rung in range(begun, len(RUNGS)):
        if trial["width"] == shared["broken_width"]:
            raise RuntimeError("this width is broken")
        time.sleep(shared["seconds"])  # what training takes
        last.parent.mkdir(exist_ok=True)
        last.write_text(str(rung))
        score = score_of(trial, rung)
        tune.report({"rung": rung, "images": RUNGS[rung], "score": score, "noise": NOISE})


def drive(
    folder: Path,
    trials: int,
    concurrency: int,
    seconds: float = 0.0,
    broken_width: int = 0,
) -> tuple[bool, RunState]:
    """Run or resume; whether it got to the end, and the state it ended in."""
    race = open_race(folder / "journal", trials)
    shared = {"folder": str(folder), "seconds": seconds, "broken_width": broken_width}
    complete = run_round(race, _job(folder, concurrency, shared))
    return complete, race.state


def drive_finals(folder: Path, plan: FinalsPlan, concurrency: int) -> tuple[bool, RunState]:
    """As :func:`drive`, for the runs from new seeds after a race."""
    finals = open_finals(folder / "journal", plan)
    shared = {"folder": str(folder), "seconds": 0.0, "broken_width": 0}
    complete = run_round(finals, _job(folder, concurrency, shared))
    return complete, finals.state


def _job(folder: Path, concurrency: int, shared: dict[str, Any]) -> Job:
    allotment = Allotment(cpu=1.0, gpu=0.0, data_cpu=0.0, concurrency=concurrency, workers=0)
    return Job(scripted_trial, shared, allotment, folder / "tune", retries=1)


def wait_until(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Look now and then whether ``reached``; an error if the process ends before."""
    while not reached():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the driver ended by itself with {process.wait(0.05)}")


def reports_in(journal: Path) -> int:
    """Scores in a journal that somebody may be writing; -1 before the first segment."""
    return len(fold(read_journal(journal)).reports) if segments(journal) else -1


if __name__ == "__main__":
    _, place, number, at_a_time, *rest = sys.argv
    with ray_session():
        done, _ = drive(Path(place), int(number), int(at_a_time), float(rest[0]) if rest else 0.0)
    sys.exit(0 if done else 130)
