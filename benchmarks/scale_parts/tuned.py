"""What a search costs its driver under real Ray Tune, on a cluster whose trials train nothing.

The trials report as often as real ones do and as much, a moment from one report to the next.  The
driver's processor time is split into that of the race (draws, decisions, journal, study, view), the
rest of its main thread (Ray Tune's loop), and Ray's own threads.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from animesearch.results.folder import RunFolder
from animesearch.results.records import RunClosed
from animesearch.results.state import TrialRecord
from animesearch.tuning.race import Assignment, Race
from scale_parts import machines
from scale_parts.pure import after
from scale_parts.search import Scripted, Wanted, megabytes, memory, open_search, told

KEY = "assignment"
TICKS = 32
"""Reports over a full budget, as the product's own workers send them."""
SHARED = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType)


def train(config: dict[str, Any], shared: dict[str, Any]) -> None:
    """A trial: all reports of a full budget one after the other, until Tune stops it."""
    from ray import tune

    name, rungs = config[KEY]["trial_id"], shared["rungs"]
    (Path(shared["folder"]) / "pids" / str(os.getpid())).touch()
    for images, rung in schedule(rungs):
        numbers = told(name, len(rungs) - 1 if rung is None else rung, rungs)
        if rung is None:
            numbers = {k: v for k, v in numbers.items() if k not in ("rung", "score", "noise")}
        time.sleep(shared["pause"])  # what training takes
        tune.report({**numbers, "images": images})


def schedule(rungs: tuple[int, ...]) -> list[tuple[int, int | None]]:
    """Images of each report and, where it is one of a rung, the rung's index."""
    ticks = {rungs[-1] * tick // TICKS for tick in range(1, TICKS + 1)}
    return [(at, rungs.index(at) if at in rungs else None) for at in sorted(ticks | {*rungs})]


class Metered(Race):
    """A race that knows how long it was asked for, and when each trial ended."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.seconds = 0.0
        self.ends: list[tuple[float, float]] = []
        """Processor time of the main thread, and the race's share of it, at each trial's end."""
        self.training: set[str] = set()
        self.began = time.perf_counter()
        self.fullest = (0, 0.0)
        """The most trials that trained at a time, and the seconds after which it was so."""

    @contextmanager
    def _metering(self) -> Iterator[None]:
        began = time.thread_time()
        try:
            yield
        finally:
            self.seconds += time.thread_time() - began

    def next(self) -> Assignment | None:
        with self._metering():
            return super().next()

    def started(self, trial_id: str) -> None:
        with self._metering():
            super().started(trial_id)
        self.training.add(trial_id)
        if len(self.training) > self.fullest[0]:
            self.fullest = len(self.training), time.perf_counter() - self.began

    def report(self, trial_id: str, metrics: Any) -> bool:
        with self._metering():
            return super().report(trial_id, metrics)

    def _over(self, record: TrialRecord) -> None:
        super()._over(record)
        self.training.discard(record.trial_id)
        self.ends.append((time.thread_time(), self.seconds))


@dataclass(frozen=True)
class Spent:
    """Seconds: on the wall, and of processors for this thread, this process and all below it."""

    wall: float
    main: float
    driver: float
    cluster: float

    @classmethod
    def now(cls) -> Spent:
        """So far."""
        below = machines.descendants(os.getpid())
        return cls(
            time.perf_counter(),
            time.thread_time(),
            time.process_time(),
            machines.processor_seconds(below),
        )

    def since(self, before: Spent) -> Spent:
        """What was spent in between."""
        return Spent(
            *(now - then for now, then in zip(astuple(self), astuple(before), strict=True))
        )


def measure(path: Path, wanted: Wanted, nodes: int, gpus: int) -> dict[str, Any]:
    """One race on a cluster of its own, from its first trial to its last."""
    with machines.cluster(nodes, gpus) as at_a_time:
        return on_cluster(path, wanted, at_a_time)


def on_cluster(path: Path, wanted: Wanted, at_a_time: int) -> dict[str, Any]:
    """As :func:`measure`, on the cluster that this process is the driver of."""
    scripted = open_search(path, wanted, race=Metered)
    (path / "pids").mkdir(exist_ok=True)
    memory_before, before = memory(), Spent.now()
    tune_trials = drive(scripted, at_a_time, wanted.pause)
    spent, grown = Spent.now().since(before), memory() - memory_before
    held = holds(scripted, tune_trials)
    _close(scripted)
    race = scripted.race
    assert isinstance(race, Metered)
    assert race.complete
    trials = wanted.trials
    return {
        "trials": trials,
        "reports": sum(trial.last_result.get("training_iteration", 0) for trial in tune_trials),
        "wall s": spent.wall,
        "at a time": race.fullest[0],
        "after s": race.fullest[1],
        "driver ms": 1e3 * spent.driver / trials,
        "race ms": 1e3 * race.seconds / trials,
        "tune ms": 1e3 * (spent.main - race.seconds) / trials,
        "threads ms": 1e3 * (spent.driver - spent.main) / trials,
        **_growth(race),
        "cluster s": spent.cluster,
        "processes": len(list((path / "pids").iterdir())),
        "memory MB": grown,
        "peak MB": machines.peak(),
        **{f"{name} kB": size / 1e3 / trials for name, size in held.items()},
        **written(scripted),
        **_afterwards(scripted, wanted),
    }


def _afterwards(scripted: Scripted, wanted: Wanted) -> dict[str, float]:
    """What a reader and a resume cost, on a copy: a resume writes."""
    with tempfile.TemporaryDirectory() as scratch:
        skipped = shutil.ignore_patterns("tune", "pids", "study.*")
        again = shutil.copytree(scripted.folder.path, Path(scratch) / "again", ignore=skipped)
        return after(replace(scripted, folder=RunFolder(again)), replace(wanted, storage="none"))


def written(scripted: Scripted) -> dict[str, float]:
    """Files of the run, in MB."""
    path, tune = scripted.folder.path, scripted.folder.path / "tune"
    segments = [file.stat().st_size for file in scripted.folder.journal.iterdir()]
    return {
        "segments": len(segments),
        "journal MB": sum(segments) / 1e6,
        "study MB": sum(megabytes(file) for file in path.glob("study.*")),
        "tune MB": megabytes(tune),
        "tune files": sum(len(names) for _, _, names in os.walk(tune)),
    }


def drive(scripted: Scripted, at_a_time: int, pause: float) -> list[Any]:
    """Run the race to its end; Tune's own trials."""
    from animesearch.tuning import engine
    from animesearch.tuning.resources import Allotment

    folder = scripted.folder.path
    shared = {"folder": str(folder), "rungs": scripted.rungs, "pause": pause}
    allotment = Allotment(1.0, 1.0, 0.0, at_a_time, 0)
    job = engine.Job(train, shared, allotment, folder / "tune", retries=1)
    with _seeing_trials() as trials:
        engine.run_round(scripted.race, job)
    return trials


@contextmanager
def _seeing_trials() -> Iterator[list[Any]]:
    """Yields Tune's list of its trials, which it shows to callbacks only."""
    from animesearch.tuning import engine, relay

    found: list[Any] = []

    class Seeing(relay.Relay):
        def on_experiment_end(self, trials: list[Any], **_info: Any) -> None:
            found.extend(trials)

    engine.Relay = Seeing  # type: ignore[misc]
    try:
        yield found
    finally:
        engine.Relay = relay.Relay  # type: ignore[misc]


def _close(scripted: Scripted) -> None:
    scripted.brain.close()
    scripted.journal.append(RunClosed(at=time.time(), outcome="complete"))


def _own_seconds() -> tuple[float, float]:
    """Processor time of this thread and of this process."""
    return time.thread_time(), time.process_time()


def _growth(race: Metered) -> dict[str, float]:
    """Main thread's ms a trial, the race's and the rest, in the second eighth and in the last."""
    eighth = max(1, len(race.ends) // 8)
    found = {}
    for name, first in (("2nd", eighth - 1), ("last", len(race.ends) - eighth - 1)):
        (main, ours), (main_then, ours_then) = race.ends[first], race.ends[first + eighth]
        spent = ours_then - ours
        found[f"race {name}"] = 1e3 * spent / eighth
        found[f"tune {name}"] = 1e3 * (main_then - main - spent) / eighth
    return found


def holds(scripted: Scripted, trials: list[Any]) -> dict[str, float]:
    """Bytes of what the driver keeps of all trials, each object counted where it comes first."""
    seen: set[int] = set()
    return {
        "state": size(scripted.race.state, seen),
        "study": size(scripted.brain, seen),
        "race": size(scripted.race, seen),
        "Tune": size(trials, seen),
    }


def size(thing: object, seen: set[int]) -> int:
    """Bytes of ``thing`` and all that it leads to, what is ``seen`` apart."""
    found, waiting = 0, [thing]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, SHARED):
            continue
        seen.add(id(one))
        found += sys.getsizeof(one)
        waiting += gc.get_referents(one)
    return found
