"""What several workers per trial are worth: images per second, and what their exchange costs.

    python benchmarks/workers.py                       # on the CPU, two cores
    python benchmarks/workers.py --size 64 --width 32 --batch 64 --seconds 20

Each line trains one network on noise, without Ray, at the same total batch: one process with one
thread, one with two, two with one each.  Lines take turns, and of all windows of a few steps the
fastest counts: what else runs on the machine only ever slows them.  ``exchange`` is the share of
that window which a worker spends in collective calls, waiting for the other included.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ARCHITECTURES = ("penn-dcgan", "progan", "stylegan2")
LINES = ((1, 1), (1, 2), (2, 1))
"""Processes, and threads of each."""
WINDOW = 8
"""Steps."""
ROUNDS = 3


class Speed(NamedTuple):
    """Images per second of all workers, and the share of the time in collective calls."""

    images: float
    exchange: float


def main() -> None:
    """Measure and print the table."""
    arguments = _arguments()
    print(f"{'architecture':14} {'workers':>7} {'threads':>7} {'images/s':>9} {'exchange':>9}")
    for name in arguments.names:
        best: dict[tuple[int, int], Speed] = {}
        for _ in range(ROUNDS):
            for line in LINES:
                speed = measured(name, *line, arguments)
                best[line] = max(best.get(line, speed), speed)
        for (workers, threads), speed in best.items():
            share = f"{speed.exchange:9.0%}" if workers > 1 else f"{'':>9}"
            print(f"{name:14} {workers:7} {threads:7} {speed.images:9.1f} {share}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each line and round")
    return parser.parse_args()


def measured(name: str, workers: int, threads: int, options: argparse.Namespace) -> Speed:
    """One line, in processes of its own."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        store, results = Path(folder) / "store", context.Queue()
        processes = [
            context.Process(
                target=_train, args=(results, store, rank, workers, threads, name, options)
            )
            for rank in range(workers)
        ]
        for process in processes:
            process.start()
        found: Speed = results.get()
        for process in processes:
            process.join()
    return found


def _train(  # noqa: PLR0913, PLR0917 - a process is started with all of it
    results: Any,
    store: Path,
    rank: int,
    workers: int,
    threads: int,
    name: str,
    options: argparse.Namespace,
) -> None:
    import torch
    from torch.distributed import FileStore

    from animesearch.trainers.together import joined

    torch.set_num_threads(threads)
    shared = FileStore(str(store), workers) if workers > 1 else None
    with joined(shared, rank, workers, "cpu") as team:
        speed = _speed(team, name, options)
        if team.leads:
            results.put(speed)


def _speed(team: Any, name: str, options: argparse.Namespace) -> Speed:
    import numpy as np

    from animesearch.trainers.config import TrialConfig
    from animesearch.trainers.setting import TrialSetting
    from animesearch.trainers.trial import Trial

    architecture = {"name": name, "width": options.width}
    config = TrialConfig.model_validate({"architecture": architecture, "batch": options.batch})
    budget = 10**9
    setting = TrialSetting(Path("unused"), options.size, 3, budget, (budget,))
    shape = (options.batch // team.size, 3, options.size, options.size)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    trial = Trial(config, setting, lambda _: noise, team=team)
    waited, best = [0.0], Speed(0.0, 0.0)
    if team.size > 1:
        for method in ("sum_", "gather"):
            setattr(team, method, _timed(getattr(team, method), waited))
    end = time.perf_counter() + options.seconds
    # Rank 0 decides for all when the time is over.
    while team.first(lambda: time.perf_counter() < end):
        waited[0], began = 0.0, time.perf_counter()
        for _ in range(WINDOW):
            trial.iterate()
        seconds = time.perf_counter() - began
        best = max(best, Speed(WINDOW * options.batch / seconds, waited[0] / seconds))
    return best


def _timed(call: Callable[..., Any], total: list[float]) -> Callable[..., Any]:
    def timed(x: Any) -> Any:
        began = time.perf_counter()
        found = call(x)
        total[0] += time.perf_counter() - began
        return found

    return timed


if __name__ == "__main__":
    main()
