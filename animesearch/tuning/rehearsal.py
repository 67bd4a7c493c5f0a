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
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from animesearch.datasets.kinds import LabelChoice
from animesearch.plugins import Plugin, import_plugins
from animesearch.results.formats import roughly
from animesearch.results.progress import Plan
from animesearch.tuning.attach import HERE, Where, machines_now
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.disk import disk_line, drawn_checkpoint, files_of, need_of, refuse_beyond
from animesearch.tuning.finals import planned_finals
from animesearch.tuning.loggers import check_loggers
from animesearch.tuning.prepare import Search, allotted, check_starts, load_search, trial_count
from animesearch.tuning.resources import Allotment
from animesearch.tuning.samplers import RandomSearch, derived_seed
from animesearch.tuning.study import Brain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from animesearch.trainers.config import TrialConfig
    from animesearch.trainers.setting import BatchSource, LabelSource, TrialSetting

SAMPLES = 6
"""Configurations drawn for the calibration."""
STEPS = 24
"""Real training steps of each; growing networks pass through all of their stages in them."""
CLASSES = 10
"""Classes of the calibration where only the data would tell how many there are: one class more
costs a row of an embedding."""
DIFFERENT = 8
"""Images of noise beside those of a batch: single images must not be all the same."""
MIB = 2**20


@dataclass(frozen=True)
class Timing:
    """What a few steps of one configuration took.

    ``train`` images per second of training, ``score`` seconds per scored sample, ``start``
    seconds of building, ``memory`` bytes of the process at its peak.  On the disk: ``checkpoint``
    bytes, and bytes of the ``tables`` for each image.
    """

    train: float
    score: float
    start: float
    memory: int
    checkpoint: int = 0
    tables: float = 0.0


@dataclass(frozen=True)
class Fresh:
    """What is scored after the race: ``trials`` of it, and every final run, each on ``samples``."""

    trials: int = 0
    samples: int = 0


@dataclass(frozen=True)
class Estimate:
    """Seconds of the whole search: expected and with every trial trained to the end; ``error``
    is the relative standard error of the expected one over the configurations drawn."""

    expected: float
    longest: float
    error: float
    memory: int


def dry_run(
    space: str, overrides: Sequence[str], plugins: Sequence[Plugin] = (), where: Where = HERE
) -> None:
    """Print the plan and the estimate; no search is started and no run folder made.

    On a cluster that has no room for a trial now there is no estimate: nothing is started for it.
    Raises :class:`UserError` at the end where ``search.resources.disk`` is too little.
    """
    search = load_search(space, overrides, plugins).located()
    check_starts(search.space)
    check_loggers(search.config.search.logs)
    console = Console()
    with ray_session(where=where) as machine:
        if machine.note:
            console.print(escape(machine.note), highlight=False)
        count = _images(search, console)
        rungs = search.config.search.scheduler.rungs(search.config.search.budget(count))
        allotment = allotted(search, machine)
        for line in plan_lines(search, rungs, allotment):
            console.print(escape(line), highlight=False)
        if not _has_room(allotment):
            console.print(escape(_disk(search, rungs, allotment)), highlight=False)
            console.print("no estimate: no machine of the cluster has room for a trial now")
            return
        console.print(f"calibrating on {machine.name} ...", highlight=False)
        timings = _timings(search, allotment)
    estimate = _estimate(search, rungs, allotment, timings)
    for line in estimate_lines(estimate, allotment):
        console.print(escape(line), highlight=False)
    console.print(escape(_disk(search, rungs, allotment, timings)), highlight=False)


def plan_lines(search: Search, rungs: tuple[int, ...], allotment: Allotment) -> list[str]:
    """Trials, rungs, images to train, and what runs at a time."""
    plan = _plan(search, rungs)
    size = search.space.size()
    vary = ", ".join(search.space.distributions) or "nothing but the seed"
    finals = plan.finals * rungs[-1]
    return [
        f"space: {search.config.name}; varies {vary}"
        + (f" ({size:,} combinations)" if size else ""),
        f"trials: {plan.trials}, {search.config.search.sampler.name} sampler, "
        f"{search.config.search.scheduler.name} scheduler",
        "rungs: " + ", ".join(f"{rung:,}" for rung in rungs) + " images",
        _after(search, plan, rungs[-1]),
        f"images to train: about {plan.trials * plan.remaining() + finals:,.0f} expected, "
        f"{plan.trials * rungs[-1] + finals:,} if no trial is stopped",
        str(allotment),
    ]


def _after(search: Search, plan: Plan, budget: int) -> str:
    """What happens to the best."""
    options = search.config.search.final
    samples = options.samples or search.config.metric.samples
    best = f"after the race: the best {options.top} scored again on {samples:,} fresh samples"
    if not plan.finals:
        return best
    return (
        f"{best}, and trained again from {options.seeds} new seeds each (at most {plan.finals} "
        f"runs of {budget:,} images, each scored so)"
    )


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
    timings: Sequence[Timing],
    plan: Plan,
    samples: int,
    scorings: int,
    concurrency: int,
    fresh: Fresh = Fresh(),
) -> Estimate:
    """Scale the calibration up to the whole search.

    A trial costs ``start + images / train + scorings * samples * score``; the scorings are those
    of a full trial, the expected share of them is taken to be that of the images.  Final runs are
    full trials, as many at a time.
    """
    share = plan.remaining() / plan.images
    full = [t.start + plan.images / t.train + scorings * samples * t.score for t in timings]
    mean = statistics.fmean(full)
    spread = statistics.stdev(full) / len(full) ** 0.5 if len(full) > 1 else 0.0
    again = statistics.fmean(fresh.samples * t.score for t in timings)
    after = plan.finals * mean + (plan.finals + fresh.trials) * again
    return Estimate(
        expected=(plan.trials * share * mean + after) / concurrency,
        longest=(plan.trials * mean + after) / concurrency,
        error=spread / mean,
        memory=max(t.memory for t in timings),
    )


def calibrate(config: dict[str, Any], job: dict[str, Any]) -> Timing:
    """Train ``config`` for a few steps on noise and score a few samples; a Ray task.

    Of a trial with several workers one is measured, on the whole batch, and taken for as many.
    """
    from animesearch.metrics.evaluator import Score
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
        return Score(0.0, spec.metric_name, 64)  # the features are timed, no distance is wanted

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        setting, data, labels = _setting(trial, job, Path(folder))
        reports = list(train(trial, setting, data, time_scoring, labels))
        whole = time.perf_counter() - began
        checkpoint, tables = _sizes(Path(folder))
    trained = sum(r.images / (r.images_per_second or 1.0) for r in reports[-1:])
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in KiB on Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    rate = reports[-1].images / max(trained, 1e-6) * job["workers"]
    start, score = max(0.0, whole - trained), seen[-1] if seen else 0.0
    return Timing(rate, score, start, peak, checkpoint, tables / reports[-1].images)


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of a trial's largest checkpoint and of its tables."""
    checkpoints = [path.stat().st_size for path in folder.glob("checkpoints/*")]
    return max(checkpoints, default=0), sum(p.stat().st_size for p in folder.glob("*.csv"))


def _setting(
    trial: TrialConfig, job: dict[str, Any], folder: Path
) -> tuple[TrialSetting, BatchSource, LabelSource]:
    """A trial of noise in ``folder``, each class as frequent as the others."""
    import numpy as np

    from animesearch.trainers.setting import TrialSetting

    step, classes = trial.batch * trial.d_steps, job["classes"]
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
        classes=tuple(map(str, range(classes))),
        class_shares=(1 / classes,) * classes if classes else (),
    )
    shape = (trial.batch + DIFFERENT, job["channels"], job["size"], job["size"])
    noise_NCHW = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def rows(images: int) -> NDArray[np.int64]:
        return (images + np.arange(trial.batch)) % len(noise_NCHW)

    return setting, lambda n: noise_NCHW[rows(n)], lambda n: rows(n) % max(1, classes)


def class_count(labels: LabelChoice) -> int:
    """Classes to calibrate with: 0 without labels, a family of tags and the images without one."""
    if labels == "none":
        return 0
    return CLASSES if labels == "classes" else len(labels) + 1


def _job(search: Search, allotment: Allotment) -> dict[str, Any]:
    """What :func:`calibrate` needs to know beside a configuration."""
    from animesearch.metrics.config import choose_features

    config = search.config
    return {
        "spec": choose_features(config.metric, gpu=allotment.gpu > 0).spec,
        "size": config.dataset.size,
        "channels": config.dataset.channels,
        "classes": class_count(config.dataset.labels),
        "device": allotment.device,
        "threads": allotment.threads,
        "workers": allotment.loops,
        "precision": config.search.resources.precision,
        "plugins": search.plugins,
    }


def _timings(search: Search, allotment: Allotment) -> list[Timing]:
    """As many at a time as in the search, so that they slow each other down as there."""
    import ray

    job = _job(search, allotment)
    task = ray.remote(num_cpus=allotment.cpu, num_gpus=allotment.gpu)(calibrate)
    timings: list[Timing] = ray.get([task.remote(drawn, job) for drawn in _draw(search)])
    return timings


def _estimate(
    search: Search, rungs: tuple[int, ...], allotment: Allotment, timings: Sequence[Timing]
) -> Estimate:
    samples, final = search.config.metric.samples, search.config.search.final
    fresh = Fresh(min(final.top, trial_count(search)), final.samples or samples)
    plan = _plan(search, rungs)
    return estimate_of(timings, plan, samples, len(rungs), allotment.concurrency, fresh)


def _disk(
    search: Search, rungs: tuple[int, ...], allotment: Allotment, timings: Sequence[Timing] = ()
) -> str:
    """What the run takes on the disk, by the files of the calibration; without one by the networks
    alone."""
    config, plan = search.config, _plan(search, rungs)
    if timings:
        each = max(timing.checkpoint for timing in timings)
        tables = max(timing.tables for timing in timings) * plan.images
        files = files_of(config, plan.trials + plan.finals, len(rungs), tables)
    else:
        each, files = drawn_checkpoint(search, class_count(config.dataset.labels)), None
    need = need_of(config, each, allotment.concurrency)
    refuse_beyond(need, config)
    return disk_line(need, files, config)


def _has_room(allotment: Allotment) -> bool:
    """Whether the calibration could begin at once; a cluster may have no such machine yet."""
    there = machines_now()
    return any(one.cpus >= allotment.cpu and one.gpus >= allotment.gpu for one in there)


def _draw(search: Search) -> list[dict[str, Any]]:
    seed = derived_seed(search.config.seed, "calibration")
    brain = Brain(search.space, RandomSearch(), seed)
    return [brain.ask(number, str(number)).tree for number in range(SAMPLES)]


def _plan(search: Search, rungs: tuple[int, ...]) -> Plan:
    stops = rungs if search.config.search.scheduler.stops else ()
    finals = planned_finals(search)
    return Plan(search.config.name, "", trial_count(search), rungs[-1], stops, finals)


def _images(search: Search, console: Console) -> int:
    """The number of images, which only a budget in epochs needs: then the set is prepared."""
    if search.config.search.images is not None:
        return 0
    from animesearch.datasets.pipeline import prepare
    from animesearch.results.stages import stages

    with stages(console) as progress:
        return prepare(search.config.dataset, progress=progress).train_count
