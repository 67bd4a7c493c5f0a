"""What must stand before a race: a valid space, the data, the features, the reference."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.kinds import Mode
from animesearch.errors import DataError, MetricError, RunFolderError, UserError
from animesearch.plugins import Plugin, import_plugins
from animesearch.results.records import Scalar
from animesearch.searchspace.space import Space, load_space
from animesearch.tuning.config import SpaceConfig
from animesearch.tuning.nodes import shared_images
from animesearch.tuning.resources import Allotment, Machine, allot
from animesearch.tuning.tasks import Passing

if TYPE_CHECKING:
    from animesearch.datasets.labels import Labels
    from animesearch.datasets.packed import PackedDataset
    from animesearch.metrics.config import Choice
    from animesearch.metrics.reals import Reals
    from animesearch.metrics.statistics import RealStatistics

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Search:
    """A validated space: ``config`` holds what all trials share.

    ``plugins`` are those that it was validated with, and that its workers need.
    """

    space: Space
    config: SpaceConfig
    plugins: tuple[Plugin, ...] = ()

    def located(self) -> Search:
        """With the place of the images made absolute; :class:`DataError` if they are not there."""
        source = self.config.dataset.source.located()
        dataset = self.config.dataset.model_copy(update={"source": source})
        return replace(self, config=self.config.model_copy(update={"dataset": dataset}))

    def fed_by(self, mode: Mode) -> Search:
        """With the way that the images take to the trials."""
        dataset = self.config.dataset.model_copy(update={"mode": mode})
        return replace(self, config=self.config.model_copy(update={"dataset": dataset}))

    def over(self, dataset: object) -> Search:
        """With the recorded options of the images: a run may be resumed from another folder."""
        try:
            recorded = DatasetConfig.model_validate(dataset)
        except ValidationError as error:
            raise RunFolderError(
                "run.json records no options of images that are known here: "
                f"{error.errors()[0]['msg']}"
            ) from error
        return replace(self, config=self.config.model_copy(update={"dataset": recorded}))


@dataclass(frozen=True)
class Feed:
    """How the images reach the trials, and why, in words."""

    mode: Literal["packed", "stream"]
    reason: str


def choose_feed(config: SpaceConfig, size: int, store: float) -> Feed:
    """``dataset.mode``, where it is ``auto`` by the ``size`` of the training images in bytes.

    What is larger than Ray's object store (``store`` bytes) would not stay in memory, so it is
    streamed, unless the search needs the whole array at hand.
    """
    dataset, amount = config.dataset, f"{size / 1e6:,.0f} MB"
    if dataset.mode != "auto":
        return Feed(dataset.mode, f"{dataset.mode} ({amount}), as the space says")
    if size <= store:
        return Feed("packed", f"packed: {amount}, shared by all trials")
    larger = f"{amount}, more than the {store / 1e6:,.0f} MB of Ray's object store"
    needs = "scheduler pbt" if config.search.scheduler.engine == "tune-pbt" else dataset.needs_array
    if needs:
        return Feed("packed", f"packed, read from the disk: {larger}, but '{needs}' cannot stream")
    return Feed("stream", f"streamed with a local shuffle: {larger}")


@dataclass(frozen=True)
class Prepared:
    """Everything that a race needs and that is the same for all of its trials.

    ``pixels`` is how tasks and trials on any node get at the images of ``packed``: a reference to
    the whole array, or where they stream a :class:`PackedAt`.  ``floors`` are those of the metric
    by the number of samples, at that of the race and that of fresh scores.
    """

    search: Search
    packed: PackedDataset
    pixels: Any
    choice: Choice
    real: RealStatistics
    allotment: Allotment
    rungs: tuple[int, ...]
    labels: Labels
    feed: Feed
    floors: Mapping[int, float]

    @property
    def images(self) -> int:
        """The full budget of a trial."""
        return self.rungs[-1]

    @property
    def passing(self) -> Passing:
        """How images become features."""
        return _passing(self.search, self.choice, self.allotment)


def check_starts(space: Space) -> None:
    """Raise :class:`UserError` where the weights that trials are to begin with are not there."""
    starts = list(_starts(space.data.get(space.root)))
    if starts:
        from animesearch.trainers.config import StartOptions
        from animesearch.trainers.start import check_start

        for start in starts:
            check_start(StartOptions.model_validate(start))


def _starts(value: Any, key: str = "") -> Iterator[dict[str, Any]]:
    """Run and trial of every ``start``, those of all groups and choices included."""
    if isinstance(value, dict):
        if key == "start" and "run" in value:
            for run, trial in product(_options(value["run"]), _options(value.get("trial"))):
                yield {"run": run, "trial": trial}
        for name, child in value.items():
            yield from _starts(child, key if name == "choice" else name)
    elif isinstance(value, list):
        for child in value:
            yield from _starts(child, key)


def _options(value: Any) -> list[Any]:
    """Of a choice, else the value alone."""
    return list(value["choice"]) if isinstance(value, dict) and "choice" in value else [value]


def load_search(space: str, overrides: Sequence[str], plugins: Sequence[Plugin] = ()) -> Search:
    """Read and check a space; raises :class:`SpaceError` with every mistake in it."""
    import_plugins(plugins)
    loaded = load_space(space, SpaceConfig, overrides)
    config = loaded.fixed
    if not isinstance(config, SpaceConfig):
        raise TypeError(f"the space was validated as {type(config).__name__}")
    _check_population(loaded, config)
    _check_groups(loaded, config)
    return Search(loaded, config, tuple(plugins))


def _check_groups(space: Space, config: SpaceConfig) -> None:
    """Asked to race groups apart, a scheduler must have some."""
    grouped = getattr(config.search.scheduler, "group_by", "none") == "trial"
    if grouped and space.root not in space.distributions:
        raise UserError(
            "search.scheduler.group_by: trial races the options of a choice right below 'trial' "
            "apart, and this space has none; allowed: none, architecture"
        )


def _check_population(space: Space, config: SpaceConfig) -> None:
    """Weights go from one trial to another under PBT, so all must have the same shape, and they
    go through the trials' own processes.  Its trials share all CPUs out among themselves: a
    stream's tasks would wait for one for ever."""
    if config.search.scheduler.engine != "tune-pbt":
        return
    if config.search.resources.workers:
        raise UserError("scheduler 'pbt' needs search.resources.workers: 0 (the default)")
    if config.dataset.mode == "stream":
        raise UserError("scheduler 'pbt' needs dataset.mode: packed (the default)")
    discrete = [n for n, d in space.distributions.items() if d.word not in CONTINUOUS]
    if discrete or not space.distributions:
        raise UserError(
            "scheduler 'pbt' perturbs continuous options (uniform, loguniform, normal) of one "
            f"architecture; this space varies: {', '.join(discrete) or 'nothing'}"
        )


CONTINUOUS = frozenset({"uniform", "loguniform", "normal"})


def prepare(search: Search, machine: Machine, progress: Progress, uri: str = "") -> Prepared:
    """Pack the data, choose the features, measure the reals; Ray must be up.

    ``uri`` is where the run lives, if not in a folder: images that stream may be brought there.

    Raises :class:`UserError` subclasses for data, weights and resources that do not do.
    """
    from animesearch.datasets.labels import labels_of
    from animesearch.datasets.pipeline import prepare as pack
    from animesearch.metrics.config import choose_features

    config = search.config
    check_starts(search.space)
    allotment = allotted(search, machine)
    packed = pack(config.dataset, progress=progress)
    feed = choose_feed(search.config, packed.train_images.nbytes, machine.store)
    search = search.fed_by(feed.mode)
    config, allotment = search.config, allotted(search, machine)
    labels = labels_of(packed, config.dataset.labels)
    choice = choose_features(config.metric, gpu=allotment.gpu > 0)
    rungs = config.search.scheduler.rungs(config.search.budget(packed.train_count))
    if problem := config.step_beyond(rungs):  # a budget in epochs is known only now
        raise UserError(problem)
    pixels = shared_images(packed, feed.mode == "stream", uri, progress)
    passing = _passing(search, choice, allotment)
    real, floors = _measured(packed, pixels, passing, search, allotment, progress)
    return Prepared(search, packed, pixels, choice, real, allotment, rungs, labels, feed, floors)


def _passing(search: Search, choice: Choice, allotment: Allotment) -> Passing:
    return Passing(choice.spec, allotment.device, search.config.metric.batch)


def allotted(search: Search, machine: Machine) -> Allotment:
    """The machine, shared out among the trials of this search."""
    streamed = search.config.dataset.mode == "stream"
    return allot(search.config.search.resources, machine, trial_count(search), streamed)


def _measured(
    packed: PackedDataset,
    pixels: Any,
    passing: Passing,
    search: Search,
    allotment: Allotment,
    progress: Progress,
) -> Reals:
    """The reals' statistics and the floors of the metric.

    Measured in a Ray task, so that the driver needs no torch and a GPU node is used.
    """
    import ray

    from animesearch.tuning.tasks import measure_reals

    told = partial(progress, "features of the real images")
    told(0, packed.count)
    task = ray.remote(num_cpus=1, num_gpus=allotment.gpu)(measure_reals)
    raced = search.config.metric.samples
    samples = {raced, search.config.search.final.samples or raced}
    for reference in task.remote(pixels, packed.pixels_digest, passing, samples):
        try:
            found: int | Reals = ray.get(reference)
        except MetricError as error:  # Ray's carries the traceback too, and its cause the words
            words = getattr(error, "cause", error)
            raise DataError(f"the real images cannot be measured: {words}") from None
        if not isinstance(found, int):
            told(packed.count, packed.count)
            return found
        told(found, packed.count)
    raise RuntimeError("the task that measures the real images ended without a result")


def trial_count(search: Search) -> int:
    """Trials to run.

    Where there is nothing to vary each is the same configuration from another seed: as many as
    the space asks for, one where it does not say, and one of a grid.
    """
    options = search.config.search
    if search.space.distributions:
        return options.trials
    said = "trials" in options.model_fields_set and options.sampler.name != "grid"
    return options.trials if said else 1


def environment() -> dict[str, Scalar]:
    """Versions and hardware that a result depends on; nothing of the user's environment."""
    from importlib.metadata import version

    packages = ("ray", "torch", "torchvision", "optuna", "numpy", "pillow", "pyarrow")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "processor": platform.machine(),
        **{name: version(name) for name in packages},
    }


def default_run_folder(name: str, now: str) -> Path:
    """``runs/DATE-NAME``, with a number where that is taken."""
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40]
    base = Path("runs") / f"{now}-{safe}"
    candidates = [base, *(base.with_name(f"{base.name}-{i}") for i in range(2, 1000))]
    return next(path for path in candidates if not path.exists())
