"""``run --dry-run``: the plan of a search, and an estimate from a few real steps."""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from animesearch.plugins import Plugin, import_plugins
from animesearch.results.formats import roughly
from animesearch.results.progress import Plan
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.prepare import Search, check_starts, load_search, trial_count
from animesearch.tuning.resources import Allotment, Machine, allot
from animesearch.tuning.samplers import RandomSearch, derived_seed
from animesearch.tuning.study import Brain

SAMPLES = 6
"""Configurations drawn for the calibration."""
STEPS = 24
"""Real training steps of each; growing networks pass through all of their stages in them."""
MIB = 2**20


@dataclass(frozen=True)
class Timing:
    """What a few steps of one configuration took.

    ``train`` images per second of training, ``score`` seconds per scored sample, ``start``
    seconds of building, ``memory`` bytes of the process at its peak.
    """

    train: float
    score: float
    start: float
    memory: int


@dataclass(frozen=True)
class Estimate:
    """Seconds of the whole search: expected and with every trial trained to the end; ``error``
    is the relative standard error of the expected one over the configurations drawn."""

    expected: float
    longest: float
    error: float
    memory: int


def dry_run(space: str, overrides: Sequence[str], plugins: Sequence[Plugin] = ()) -> None:
    """Print the plan and the estimate; no search is started and no run folder made."""
    search = load_search(space, overrides, plugins).located()
    check_starts(search.space)
    console = Console()
    with ray_session() as machine:
        count = _images(search, console)
        rungs = search.config.search.scheduler.rungs(search.config.search.budget(count))
        allotment = _allot(search, machine)
        for line in plan_lines(search, rungs, allotment):
            console.print(escape(line), highlight=False)
        console.print("calibrating on this machine ...", highlight=False)
        estimate = _estimate(search, rungs, allotment)
    for line in estimate_lines(estimate, allotment):
        console.print(escape(line), highlight=False)


def plan_lines(search: Search, rungs: tuple[int, ...], allotment: Allotment) -> list[str]:
    """Trials, rungs, images to train, and what runs at a time."""
    plan = _plan(search, rungs)
    size = search.space.size()
    vary = ", ".join(search.space.distributions) or "nothing but the seed"
    return [
        f"space: {search.config.name}; varies {vary}"
        + (f" ({size:,} combinations)" if size else ""),
        f"trials: {plan.trials}, {search.config.search.sampler.name} sampler, "
        f"{search.config.search.scheduler.name} scheduler",
        "rungs: " + ", ".join(f"{rung:,}" for rung in rungs) + " images",
        f"images to train: about {plan.trials * plan.remaining():,.0f} expected, "
        f"{plan.trials * rungs[-1]:,} if no trial is stopped",
        str(allotment),
    ]


def estimate_lines(estimate: Estimate, allotment: Allotment) -> list[str]:
    """The estimate in words, with its error."""
    memory = estimate.memory / MIB
    return [
        f"time: about {roughly(estimate.expected)} expected (±{estimate.error:.0%} over "
        f"{SAMPLES} configurations drawn from the space), {roughly(estimate.longest)} if no "
        "trial is stopped; data preparation comes on top the first time",
        f"memory: about {memory:,.0f} MiB a trial, {memory * allotment.concurrency:,.0f} MiB for "
        f"{allotment.concurrency} at a time",
        f"measured by {STEPS} real steps on this machine just now; no search was started",
    ]


def estimate_of(
    timings: Sequence[Timing], plan: Plan, samples: int, scorings: int, concurrency: int
) -> Estimate:
    """Scale the calibration up to the whole search.

    A trial costs ``start + images / train + scorings * samples * score``; the scorings are those
    of a full trial, the expected share of them is taken to be that of the images.
    """
    share = plan.remaining() / plan.images
    full = [t.start + plan.images / t.train + scorings * samples * t.score for t in timings]
    mean = statistics.fmean(full)
    spread = statistics.stdev(full) / len(full) ** 0.5 if len(full) > 1 else 0.0
    return Estimate(
        expected=plan.trials * share * mean / concurrency,
        longest=plan.trials * mean / concurrency,
        error=spread / mean,
        memory=max(t.memory for t in timings),
    )


def calibrate(config: dict[str, Any], job: dict[str, Any]) -> Timing:
    """Train ``config`` for a few steps on noise and score a few samples; a Ray task."""
    from animesearch.metrics.features.base import FeatureSpec
    from animesearch.trainers.config import TrialConfig
    from animesearch.trainers.loop import train

    import_plugins(job["plugins"])
    trial = TrialConfig.model_validate(config)
    spec: FeatureSpec = job["spec"]
    network = spec.build(job["device"])
    seen: list[float] = []

    def time_scoring(draw: Any) -> Any:
        began = time.perf_counter()
        network(draw(0, 64))
        seen.append((time.perf_counter() - began) / 64)
        return _NoScore(spec.metric_name)

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        setting, data = _setting(trial, job, Path(folder))
        reports = list(train(trial, setting, data, time_scoring))
        whole = time.perf_counter() - began
    trained = sum(r.images / (r.images_per_second or 1.0) for r in reports[-1:])
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in KiB on Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    rate = reports[-1].images / max(trained, 1e-6)
    return Timing(rate, seen[-1] if seen else 0.0, max(0.0, whole - trained), peak)


@dataclass(frozen=True)
class _NoScore:
    """In place of a score: the calibration times the features, their distance is not wanted."""

    metric: str
    value: float = 0.0


def _setting(trial: Any, job: dict[str, Any], folder: Path) -> tuple[Any, Any]:
    import numpy as np

    from animesearch.trainers.setting import TrialSetting

    step = trial.batch * trial.d_steps
    setting = TrialSetting(
        folder=folder,
        size=job["size"],
        channels=job["channels"],
        images=STEPS * step,
        rungs=(STEPS * step,),
        tick=STEPS * step,
        device=job["device"],
        threads=job["threads"],
        grid=(2, 2),
        precision=job["precision"],
    )
    shape = (trial.batch, job["channels"], job["size"], job["size"])
    noise_BCHW = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return setting, lambda images: noise_BCHW


def _estimate(search: Search, rungs: tuple[int, ...], allotment: Allotment) -> Estimate:
    """As many at a time as in the search, so that they slow each other down as there."""
    import ray

    from animesearch.metrics.config import choose_features

    config = search.config
    job = {
        "spec": choose_features(config.metric, gpu=allotment.gpu > 0).spec,
        "size": config.dataset.size,
        "channels": config.dataset.channels,
        "device": allotment.device,
        "threads": allotment.threads,
        "precision": config.search.resources.precision,
        "plugins": search.plugins,
    }
    task = ray.remote(num_cpus=allotment.cpu, num_gpus=allotment.gpu)(calibrate)
    timings = ray.get([task.remote(drawn, job) for drawn in _draw(search)])
    return estimate_of(
        timings, _plan(search, rungs), config.metric.samples, len(rungs), allotment.concurrency
    )


def _draw(search: Search) -> list[dict[str, Any]]:
    seed = derived_seed(search.config.seed, "calibration")
    brain = Brain(search.space, RandomSearch(), seed)
    return [brain.ask(number, str(number)).tree for number in range(SAMPLES)]


def _plan(search: Search, rungs: tuple[int, ...]) -> Plan:
    stops = rungs if search.config.search.scheduler.stops else ()
    return Plan(search.config.name, "", trial_count(search), rungs[-1], stops)


def _allot(search: Search, machine: Machine) -> Allotment:
    streamed = search.config.dataset.mode == "stream"
    return allot(search.config.search.resources, machine, trial_count(search), streamed)


def _images(search: Search, console: Console) -> int:
    """The number of images, which only a budget in epochs needs: then the set is prepared."""
    if search.config.search.images is not None:
        return 0
    from animesearch.datasets.pipeline import prepare
    from animesearch.results.stages import stages

    with stages(console) as progress:
        return prepare(search.config.dataset, progress=progress).train_count
