"""Training a shipped space wholly, with the program itself, and some of it from more seeds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from animesearch.errors import AnimesearchError
from animesearch.results.folder import RunFolder
from animesearch.results.state import TrialRecord

from .curves import races

FRESH: Final = 4000
"""Samples of a final score: four times those of a race's."""
SEEDS: Final = 1000
SCHEDULER: Final = {"name": "none", "first_rung": 0.125, "eta": 2}
"""Nobody is stopped; the rungs hold those of the space and those of asha's defaults."""


@dataclass(frozen=True)
class Request:
    """What to train: ``configurations`` drawn from ``space`` with ``seed`` into ``out``;
    ``overrides`` are more of ``--set``."""

    out: Path
    space: str
    configurations: int
    seed: int
    overrides: tuple[str, ...] = ()


def race(request: Request) -> None:
    """One race without stopping, all of whose trials are scored again: ``race-SEED``."""
    finalists = {"top": request.configurations, "samples": FRESH}
    settings = {
        "seed": request.seed,
        "search.sampler": "random",
        "search.scheduler": SCHEDULER,
        "search.trials": request.configurations,
        "search.finalists": finalists,
    }
    _search(request.space, request.out / f"race-{request.seed}", settings, request.overrides)


def seeds(request: Request, chosen: int, members: int) -> None:
    """``chosen`` configurations of the races, evenly spread over their places from the best on,
    each trained wholly from ``members`` new seeds."""
    path = request.out / "seeds.yaml"
    path.write_text(yaml.safe_dump(_space(request.out, chosen, members), sort_keys=False))
    apart = {"seed": SEEDS + request.seed}  # a race's own seed would train its trials once more
    _search(str(path), request.out / "seeds", apart, request.overrides)


def _space(out: Path, chosen: int, members: int) -> dict[str, Any]:
    """The race's space with the chosen configurations in place of its distributions: a grid
    trains each once, its finalists ``members - 1`` times more."""
    runs = races(out)
    space = dict(runs[0].info().space)
    picked = _evenly(_by_place(runs), chosen)
    options = [{"label": name, **trial.created.config} for name, trial in picked]
    finals = {"top": chosen, "seeds": members - 1, "samples": FRESH}
    search = {**space["search"], "sampler": {"name": "grid"}, "trials": chosen}
    return {
        "name": "seeds",
        "dataset": space["dataset"],
        "metric": space["metric"],
        "trial": {"choice": options},
        "search": {**search, "finalists": finals},
    }


def _by_place(runs: list[RunFolder]) -> list[tuple[str, TrialRecord]]:
    named = [
        (f"{run.path.name.removeprefix('race-')}-{trial.trial_id}", trial)
        for run in runs
        for trial in run.state().by_state("completed")
        if trial.rescored
    ]
    return sorted(named, key=lambda one: one[1].rescored.score if one[1].rescored else 0.0)


def _evenly(ranked: list[tuple[str, TrialRecord]], count: int) -> list[tuple[str, TrialRecord]]:
    if count > len(ranked):
        raise AnimesearchError(f"{count} configurations were asked for, {len(ranked)} ended well")
    return [ranked[place * len(ranked) // count] for place in range(count)]


def _search(
    space: str, out: Path, settings: dict[str, Any], overrides: tuple[str, ...] = ()
) -> None:
    """``animesearch run`` in a process of its own, one trial at a time on one thread."""
    usual = {"search.resources.concurrency": 1, "search.resources.cpu": 1}
    pairs = [f"{name}={yaml.safe_dump(value, default_flow_style=True).removesuffix(chr(10))}"
             for name, value in (usual | settings).items()]  # fmt: skip
    given = [word for pair in (*pairs, *overrides) for word in ("--set", pair)]
    command = [sys.executable, "-m", "animesearch", "run", "--space", space, *given]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(out)], env=os.environ | threads, stdout=sys.stderr, check=False
    )
    if done.returncode:
        raise AnimesearchError(f"animesearch run ended with {done.returncode}: see {out}")
    print(f"{out}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
