"""Who scores: each trial's own process, or one process for all trials of the machine.

    python benchmarks/scoring.py                       # two trials at a time; one, a core to spare
    python benchmarks/scoring.py --images 4000 --rounds 3 --features lite0

Each line is a search of its own through the command line: the same trials from the same seeds,
none of which is stopped.  Lines take turns, and of all rounds the fastest counts.  ``wall`` is the
time of the trial that took longest, scores in it; ``held up`` the share of the trials' time in
which they drew, handed over or waited for a score; ``memory`` the highest proportional memory of
the processes that train and score, their shared blocks once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from data_parts import proc

WAYS = ("trial", "node")
SITUATIONS = {"as many trials as cores": 2, "one trial, a core to spare": 1}
LOOK_S = 0.5
SPACE = """
name: scoring
seed: 1
dataset: {{source: {{name: faces, count: 2000}}, size: {size}}}
trial: {{architecture: {{name: penn-dcgan, width: 32}}, batch: 32}}
metric: {{features: {features}, samples: 1000}}
search:
  trials: {trials}
  images: {images}
  scheduler: {{name: none}}
  finalists: {{top: 1, nearest: 0}}
  resources: {{concurrency: {trials}, cpu: 1, scoring: {way}}}
"""


class Figures(NamedTuple):
    """Of one search: seconds, a share, and bytes."""

    wall: float
    held: float
    memory: int


def main() -> None:
    """Measure and print the tables."""
    arguments = _arguments()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for situation, trials in SITUATIONS.items():
        best: dict[str, Figures] = {}
        for _ in range(arguments.rounds):
            for way in WAYS:
                found = measured(way, trials, arguments)
                best[way] = min(best.get(way, found), found)
        print(f"\n{situation}\n{'scoring':8} {'wall s':>8} {'held up':>8} {'memory MB':>10}")
        for way, one in best.items():
            print(f"{way:8} {one.wall:8.1f} {one.held:8.1%} {one.memory / 1e6:10,.0f}")
        wall, memory = (best["node"][i] / best["trial"][i] for i in (0, 2))
        print(f"node / trial: wall {wall:.2f}, memory {memory:.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=6000, help="per trial")
    parser.add_argument("--features", default="lite0")
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def measured(way: str, trials: int, options: argparse.Namespace) -> Figures:
    """One search, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        values = {**vars(options), "way": way, "trials": trials}
        (folder / "space.yaml").write_text(SPACE.format(**values))
        command = [sys.executable, "-m", "animesearch", "run", "--space", "space.yaml"]
        process = subprocess.Popen(
            [*command, "--out", "run"], cwd=folder, stdout=subprocess.DEVNULL
        )
        with _Watch(process.pid) as watch:
            if process.wait():
                raise SystemExit(f"the search ended with {process.returncode}")
        return _figures(folder / "run", watch.most)


class _Watch:
    """Looks now and then at the memory of what trains and scores."""

    def __init__(self, root: int) -> None:
        self._root, self._over, self.most = root, threading.Event(), 0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            there = [pid for pid in proc.tree(self._root) if _works(pid)]
            self.most = max(self.most, proc.usage(there).data)


def _works(pid: int) -> bool:
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_text(errors="replace")
    except OSError:
        return False
    return "ImplicitFunc" in words or "run_trial" in words or "FeatureActor" in words


def _figures(folder: Path, memory: int) -> Figures:
    from animesearch.results.folder import RunFolder
    from animesearch.results.ranking import device_seconds, metric_share

    state = RunFolder.open(folder).state()
    wall = max(device_seconds(trial) or 0.0 for trial in state.trials.values())
    return Figures(wall, metric_share(state) or 0.0, memory)


if __name__ == "__main__":
    main()
