"""A search whose trials train nothing: configurations of a shipped space, scores by lot."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from animesearch.results.plain import PlainView
from animesearch.results.progress import Plan
from animesearch.results.records import RunInfo, RunOpened
from animesearch.tuning.prepare import load_search
from animesearch.tuning.race import Race, RacePlan
from animesearch.tuning.study import Brain
from animesearch.tuning.studycopy import StudyCopy, open_storage

SPACE, IMAGES, SEED = "anime-64.yaml", 1_000_000, 0
METRICS = ("loss_d", "loss_g", "real_score", "fake_score", "d_accuracy", "grad_norm_d",
           "grad_norm_g", "weight_change_g", "sample_diversity", "images_per_second",
           "device_seconds", "metric_seconds")  # fmt: skip
CONFUSION = ("real_as_real", "real_as_fake", "fake_as_real", "fake_as_fake")


@dataclass(frozen=True)
class Wanted:
    """How many trials, which sampler draws them, the storage of their study, if any; the seconds
    from one report to the next, where they have processes."""

    trials: int
    sampler: str
    storage: str
    pause: float = 0.0


@dataclass(frozen=True)
class Scripted:
    """A race over a run folder of its own, and what writes beside it."""

    folder: RunFolder
    race: Race
    brain: Brain
    journal: Journal
    rungs: tuple[int, ...]


def open_search(path: Path, wanted: Wanted, race: type[Race] = Race) -> Scripted:
    """A new race, or the race in ``path`` resumed, with the view of a log file."""
    search = load_search(SPACE, [f"search.sampler={wanted.sampler}"])
    rungs = search.config.search.scheduler.rungs(IMAGES)
    folder = RunFolder(path)
    if not folder.info_file.exists():
        path.mkdir(parents=True, exist_ok=True)
        folder.write_info(_info(wanted.trials, rungs))
    stored = wanted.storage != "none"
    copy = StudyCopy(open_storage(wanted.storage, path), "scale") if stored else None
    brain = Brain(search.space, search.config.search.sampler, SEED, copy)
    journal, state = Journal(folder.journal), folder.state()
    brain.restore(state, rungs)
    opened = RunOpened(at=time.time(), session=state.sessions + 1)
    journal.append(opened)
    state.apply(opened)
    console = Console(file=(path / "view.txt").open("a"), width=120)
    view = PlainView(console, Plan("scale", "fid", wanted.trials, IMAGES, rungs))
    view.event(opened, state)
    plan = RacePlan(rungs, wanted.trials, SEED, search.config.search.scheduler)
    return Scripted(folder, race(plan, brain, journal, state, view), brain, journal, rungs)


def _info(trials: int, rungs: tuple[int, ...]) -> RunInfo:
    return RunInfo(
        name="scale", created="2025-11-23T12:00:00+00:00", version="0", space_file=SPACE, seed=0,
        metric="fid", protocol={"samples": 5000}, rungs=rungs, trials=trials, dataset={},
        space={"search": {"grid": [5, 5]}}, environment={},
    )  # fmt: skip


def told(trial_id: str, rung: int, rungs: tuple[int, ...]) -> dict[str, float]:
    """A report at a rung with as many numbers as a real one, the same for the same rung."""
    draw = random.Random(f"{trial_id} {rung}")
    quality = random.Random(trial_id).uniform(20, 200)
    numbers = {name: draw.uniform(0, 10) for name in METRICS}
    numbers |= {f"confusion_{name}": draw.randrange(1000) for name in CONFUSION}
    numbers |= {f"confusion_{name}_percent": draw.uniform(0, 100) for name in CONFUSION}
    score = quality * (1 + 2 / (rung + 1)) * draw.uniform(0.95, 1.05)
    return {**numbers, "rung": rung, "images": rungs[rung], "score": score, "noise": 1.5}


def megabytes(path: Path) -> float:
    """A file, or a folder with all below it, in MB of content."""
    if path.is_file():
        return path.stat().st_size / 1e6
    found = (Path(place) / name for place, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in found) / 1e6


def memory() -> float:
    """MB of this process's memory that are in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
