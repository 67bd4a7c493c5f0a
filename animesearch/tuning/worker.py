"""A trial in its process: the training loop under Ray Train, reporting to Ray Tune.

One loop, two ways to run it.  ``workers: 0`` (the default) is Ray Train's local mode: the loop
runs in the trial's own process, which serves one trial after another.  ``workers: n`` launches n
Train worker processes for each trial, which train it together, each on its rows of every batch.
In both the data is the packed array of the object store, or with ``mode: stream`` a shard of a Ray
Data set.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from animesearch.errors import LeavingError
from animesearch.plugins import Plugin, import_plugins
from animesearch.storage.patience import Patience
from animesearch.tuning.bridge import KEY
from animesearch.tuning.featureactors import end_actors, score_function, start_actors
from animesearch.tuning.leaving import LEAVING, answered, attentive, told
from animesearch.tuning.notices import leave
from animesearch.tuning.trialfiles import TrialFiles, reporting, run_root

if TYPE_CHECKING:
    from ray.actor import ActorHandle
    from ray.data import Dataset

    from animesearch.datasets.kinds import Order
    from animesearch.datasets.labels import Labels
    from animesearch.datasets.shared import PackedAt
    from animesearch.metrics.features import FeatureSpec
    from animesearch.metrics.statistics import RealStatistics
    from animesearch.metrics.verdict import VerdictRules
    from animesearch.results.folder import RunFolder
    from animesearch.trainers.report import Report
    from animesearch.trainers.setting import BatchSource, LabelSource, TrialSetting
    from animesearch.trainers.together import Team
    from animesearch.tuning.featureactors import FeatureActors
    from animesearch.tuning.prepare import Prepared

Tell = Callable[[Mapping[str, Any]], None]
TICKS = 32
"""Progress reports over a full budget, unless the space says otherwise."""


@dataclass(frozen=True)
class Shared:
    """What all trials of a run share, in the object store; arrays are read without a copy.

    ``folder`` is the run's, which all nodes see, unless the run lives at a ``uri``.  The images for
    training are an array of the store's own, or stream from where they lie ``packed``.
    """

    folder: str
    uri: str
    packed: PackedAt | None
    images_NCHW: npt.NDArray[np.uint8] | None
    count: int
    flip: bool
    order: Order
    size: int
    channels: int
    rungs: tuple[int, ...]
    tick: int
    grid: tuple[int, int]
    spec: FeatureSpec
    real: RealStatistics
    samples: int
    batch: int | None
    device: str
    threads: int
    data_cpu: float
    workers: int
    worker: Mapping[str, float]
    population: bool
    rules: VerdictRules
    labels: Labels
    precision: Literal["float32", "bfloat16"]
    plugins: tuple[Plugin, ...]


@dataclass(frozen=True)
class SharedRef:
    """References to a :class:`Shared` and to all images of the packed set (unless they stream),
    hidden from Ray's own look for references; who scores, unless each trial does."""

    refs: list[Any]
    actors: ActorHandle[FeatureActors] | None = None

    def get(self) -> Shared:
        """The shared values, zero-copy on the node that holds them; the plug-ins imported."""
        import ray

        found, *images = ray.get(self.refs)
        import_plugins(found.plugins)
        if images:
            found = replace(found, images_NCHW=images[0][: found.count])
        assert isinstance(found, Shared)
        return found

    def close(self) -> None:
        """Nobody trains any more."""
        if self.actors is not None:
            end_actors(self.actors)


def shared_of(folder: RunFolder, prepared: Prepared) -> SharedRef:
    """Put what the trials share into the object store."""
    import ray

    config, packed, allotment = prepared.search.config, prepared.packed, prepared.allotment
    streamed = config.dataset.mode == "stream"
    shared = Shared(
        folder=str(folder.path.resolve()),
        uri=folder.uri,
        packed=prepared.pixels if streamed else None,
        images_NCHW=None,
        count=packed.train_count,
        flip=config.dataset.flip,
        order=config.dataset.order,
        size=config.dataset.size,
        channels=config.dataset.channels,
        rungs=prepared.rungs,
        tick=config.search.tick or max(1, prepared.images // TICKS),
        grid=config.search.grid,
        spec=prepared.choice.spec,
        real=prepared.real,
        samples=config.metric.samples,
        batch=config.metric.batch,
        device=allotment.device,
        threads=allotment.threads,
        data_cpu=allotment.data_cpu,
        workers=allotment.workers,
        worker=allotment.worker_resources,
        population=config.search.scheduler.engine == "tune-pbt",
        rules=config.search.verdict,
        labels=prepared.labels,
        precision=config.search.resources.precision,
        plugins=prepared.search.plugins,
    )
    ref = SharedRef([ray.put(shared), *([] if streamed else [prepared.pixels])])
    if config.search.resources.scoring == "trial":
        return ref
    return replace(ref, actors=start_actors(ref))


def run_trial(config: dict[str, Any], shared: SharedRef) -> None:
    """Tune's function: trains one configuration from its last checkpoint on."""
    from ray import tune

    here = shared.get()
    datasets = {"train": _stream(here)} if here.images_NCHW is None else {}
    if here.workers == 0:
        tell = _telling_with_checkpoints(config, here) if here.population else tune.report
        _fit_local(config, here, datasets, tell, shared.actors)
    else:
        _fit_nested(config, shared, here, datasets)


def _telling_with_checkpoints(config: dict[str, Any], shared: Shared) -> Tell:
    """Under population based training checkpoints travel through Tune: take over the one that
    Tune hands out, give it the newest at every rung.

    After a resume Tune has none to hand out.  Where the driver died between a perturbation and
    the worker's taking it up, the trial's own checkpoint is still of the configuration before,
    which would be refused: it goes on under the perturbed one.
    """
    from ray import tune

    from animesearch.trainers.adoption import adopt
    from animesearch.trainers.checkpoint import SUFFIX, checkpoint_files, latest_checkpoint
    from animesearch.trainers.config import TrialConfig

    setting = setting_of(config, shared, tune.report)
    trial = TrialConfig.model_validate(config[KEY]["trial"])
    files = trial_files(setting, shared)
    files.fetch()
    given = tune.get_checkpoint()
    if given is not None:
        with given.as_directory() as place:
            (donor,) = Path(place).glob(f"*{SUFFIX}")
            setting.patience(lambda: adopt(donor, trial, setting), "taking weights over")
    elif own := latest_checkpoint(setting.folder / "checkpoints"):
        setting.patience(lambda: adopt(own[0], trial, setting), "taking weights over")
    files.push()

    def tell(metrics: Mapping[str, Any]) -> None:
        if "score" not in metrics:
            tune.report(metrics)
            return
        setting.patience(lambda: tell_with_newest(metrics), "handing a checkpoint to Tune")

    def tell_with_newest(metrics: Mapping[str, Any]) -> None:
        newest = checkpoint_files(setting.folder / "checkpoints")[-1]
        with tempfile.TemporaryDirectory() as place:
            shutil.copy(newest, place)
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(place))

    return tell


def _fit_local(
    config: dict[str, Any],
    shared: Shared,
    datasets: dict[str, Dataset],
    tell: Tell,
    actors: ActorHandle[FeatureActors] | None,
) -> None:
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        lambda: train_and_tell(config, shared, tell, actors=actors),
        scaling_config=ScalingConfig(num_workers=0),
        datasets=datasets,
    ).fit()


def _fit_nested(
    config: dict[str, Any],
    ref: SharedRef,
    shared: Shared,
    datasets: dict[str, Dataset],
    loop: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    from animesearch.tuning.teams import WorkerConfig

    TorchTrainer(
        loop or nested_loop,
        train_loop_config={"config": config, "shared": ref},
        torch_config=WorkerConfig(),
        scaling_config=ScalingConfig(
            num_workers=shared.workers,
            use_gpu="GPU" in shared.worker,
            resources_per_worker=dict(shared.worker),
        ),
        run_config=RunConfig(
            name=str(config[KEY]["trial_id"]),
            storage_path=str(run_root(shared.folder, shared.uri) / "train"),
            callbacks=[TuneReportCallback()],
        ),
        datasets=datasets,
    ).fit()


def nested_loop(job: dict[str, Any]) -> None:
    """The loop in a Ray Train worker process."""
    from ray import train

    from animesearch.tuning.teams import joined_team

    shared = job["shared"].get()
    with joined_team(shared.device) as team:
        train_and_tell(job["config"], shared, train.report, team, job["shared"].actors)


def train_and_tell(
    config: dict[str, Any],
    shared: Shared,
    tell: Tell,
    team: Team | None = None,
    actors: ActorHandle[FeatureActors] | None = None,
) -> None:
    """Train to the end, telling every report; closed in order when Tune stops the trial.

    Of several workers all tell, and one of them keeps the files and scores.
    """
    from animesearch.trainers.config import TrialConfig
    from animesearch.trainers.loop import train
    from animesearch.trainers.together import ALONE

    trial = TrialConfig.model_validate(config[KEY]["trial"])
    setting = setting_of(config, shared, tell)
    files = trial_files(setting, shared)
    team = team or ALONE
    team.first(files.fetch)
    score = score_function(shared, actors, setting.patience.tell) if team.leads else None
    batches = batches_of(trial.batch, setting.seed, shared, (team.rank, team.size))
    labels = labels_of(batches, shared)
    reports = train(trial, setting, batches, score, labels, team)
    try:
        with attentive():
            _tell_all(reports, tell, files, team)
    except LeavingError as error:
        tell({LEAVING: str(error)})
        raise


def _tell_all(
    reports: Generator[Report, None, None], tell: Tell, files: TrialFiles, team: Team
) -> None:
    try:
        with closing(reports):
            for report in reports:
                if report.rung is not None or report.verdict is not None:
                    team.first(files.push)  # before anybody decides on it
                with nullcontext() if team.size > 1 else answered():
                    tell(report.as_metrics())
    except LeavingError:
        team.first(files.push)  # what was saved between two rungs
        raise
    except BaseException:
        if told() and team.size == 1:  # closed at a report, and saved as well
            files.push()
        raise


def trial_files(setting: TrialSetting, shared: Shared) -> TrialFiles:
    """Where the files of the trial in ``setting.folder`` go."""
    folder = setting.folder
    return TrialFiles(folder.parents[1], shared.uri, folder.name, setting.patience)


def setting_of(config: dict[str, Any], shared: Shared, tell: Tell) -> TrialSetting:
    """Place, budget and machine of the trial.

    A disk or a store that is away is waited for, and said so: by a report where ``tell`` reaches
    Tune directly; workers of Ray Train must all report at once, so there one leaves a notice.
    """
    from animesearch.trainers.setting import TrialSetting

    name = config[KEY]["trial_id"]
    noticing = Patience(tell=lambda text: leave(f"{name}: {text}"))
    patience = noticing if shared.workers else reporting(tell)
    return TrialSetting(
        patience=patience,
        leaving=told,
        folder=run_root(shared.folder, shared.uri) / "trials" / name,
        size=shared.size,
        channels=shared.channels,
        images=shared.rungs[-1],
        rungs=shared.rungs,
        tick=shared.tick,
        seed=int(config[KEY]["seed"]),
        device=shared.device,
        threads=shared.threads,
        grid=shared.grid,
        epoch=shared.count,
        classes=shared.labels.names,
        class_shares=shared.labels.shares,
        precision=shared.precision,
        rules=shared.rules,
    )


def batches_of(
    batch: int, seed: int, shared: Shared, worker: tuple[int, int] = (0, 1)
) -> BatchSource:
    """Batches of reals: rows of the packed array, or a shard of the stream.

    ``worker`` is the number of this one, and how many there are.
    """
    from animesearch.datasets.batches import PackedBatches, Share, StreamBatches

    flip, order, share = shared.flip, shared.order, Share(*worker)
    if shared.images_NCHW is not None:
        return PackedBatches(shared.images_NCHW, batch, seed, flip, order=order, share=share)
    from ray.train import get_dataset_shard

    shard = get_dataset_shard("train")
    return StreamBatches(shard, batch, seed, flip, count=shared.count, order=order, share=share)


def labels_of(batches: BatchSource, shared: Shared) -> LabelSource | None:
    """The classes of the images in the same batches."""
    from animesearch.datasets.batches import PackedBatches

    index_N = shared.labels.index_N
    if index_N is None or not isinstance(batches, PackedBatches):
        return None
    return lambda images: index_N[batches.places(images)[0]]


def _stream(shared: Shared) -> Dataset:
    """The packed set as a Ray Data set that keeps to the CPUs reserved for it."""
    from ray.data import DataContext, ExecutionResources

    from animesearch.datasets.stream import stream_dataset

    context = DataContext.get_current()
    context.execution_options.resource_limits = ExecutionResources(cpu=shared.data_cpu)
    assert shared.packed is not None
    return stream_dataset(shared.packed.open(), shared.packed)
