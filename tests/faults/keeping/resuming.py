"""``python -m tests.faults.keeping.resuming PLACE TRIALS WORDS SECONDS ADDRESS``: resumes a search.

That at PLACE, as :mod:`tests.faults.keeping.search` does it, on the cluster at ADDRESS.  The order
is that of ``animesearch resume``: whoever is refused has not yet started anything.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.opening import existing_run

USER_MISTAKE = 2


def main(place: str, trials: int, words: Path, seconds: float, address: str) -> int:
    """The exit code."""
    try:
        run = existing_run(place)
        with run.lock():
            return _drive(run, trials, words, seconds, address)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return USER_MISTAKE


def _drive(run: RunFolder, trials: int, words: Path, seconds: float, address: str) -> int:
    import ray

    from animesearch.tuning import launch
    from animesearch.tuning.cluster_session import QUIET
    from tests.faults.keeping.search import Listening, drive_held

    os.environ.update(QUIET)
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    complete, _ = drive_held(run, trials, words, Listening(), seconds)
    return launch.DONE if complete else launch.INTERRUPTED


if __name__ == "__main__":
    _, at, number, folder, pause, where = sys.argv
    sys.exit(main(at, int(number), Path(folder), float(pause), where))
