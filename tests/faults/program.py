"""A search whose trials train nothing, as a program that ends as ``animesearch run`` does.

``python -m tests.faults.program FOLDER TRIALS SECONDS ADDRESS``: a new search in FOLDER, or its
resumption, on the cluster at ADDRESS.  SECONDS go by from rung to rung.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import ray
from rich.console import Console

from animesearch.results.folder import RunFolder
from animesearch.tuning.cluster_session import QUIET
from animesearch.tuning.engine import run_round
from animesearch.tuning.race import Race
from tests.faults.driver import job_of
from tests.tuning.scripted import SilentView, open_race


class Spoken(SilentView):
    """Shows what the person at the screen is told besides numbers."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def main(folder: Path, trials: int, seconds: float, address: str) -> int:
    """The exit code."""
    os.environ.update(QUIET)
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    run, console = RunFolder(folder), Console()
    with run.lock():
        race = open_race(run.journal, trials, view=Spoken(console))
        complete = run_round(race, job_of(folder, 1, seconds, retries=1))
        return _end(run, race, complete, console)


def _end(run: RunFolder, race: Race, complete: bool, console: Console) -> int:
    """The journal's last word, and the screen's."""
    from animesearch.tuning import launch  # most of what a start would take

    launch._close(run, race._journal, race.state, race._view, complete)
    return launch._farewell(run, race.state, complete, console)


if __name__ == "__main__":
    _, place, number, pause, at = sys.argv
    sys.exit(main(Path(place), int(number), float(pause), at))
