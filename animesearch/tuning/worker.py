"""A trial in its process: the training loop under Ray Train, reporting to Ray Tune.

One loop, three ways to run it.  ``workers: 0`` (the default) is Ray Train's local mode: the loop
runs in the trial's own process, which serves one trial after another.  ``workers: 1`` launches a
Train worker process for each trial.  In both the data is the packed array of the object store,
or with ``mode: stream`` a shard of a Ray Data set.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from animesearch.plugins import Plugin, import_plugins
from animesearch.tuning.bridge import KEY

if TYPE_CHECKING:
    from ray.data import Dataset

    from animesearch.datasets.kinds import Order
    from animesearch.datasets.labels import Labels
    from animesearch.metrics.features import FeatureSpec
    from animesearch.metrics.statistics import RealStatistics
    from animesearch.metrics.verdict import VerdictRules
    from animesearch.trainers.setting import BatchSource, LabelSource, TrialSetting
    from animesearch.tuning.prepare import Prepared

Tell = Callable[[Mapping[str, Any]], None]
TICKS = 32
"""Progress reports over a full budget, unless the space says otherwise."""


@dataclass(frozen=True)
class Shared:
    """What all trials of a run share, in the object store; arrays are read without a copy."""

    folder: str
    packed: str
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
    device: str
    threads: int
    gpu: float
    data_cpu: float
    workers: int
    population: bool
    rules: VerdictRules
    labels: Labels
    precision: Literal["float32", "bfloat16"]
    plugins: tuple[Plugin, ...]


@dataclass(frozen=True)
class SharedRef:
    """Reference to a :class:`Shared`, hidden from Ray's own look for references."""

    refs: list[Any]

    def get(self) -> Shared:
        """The shared values, zero-copy on the node that holds them; the plug-ins imported."""
        import ray

        found: Shared = ray.get(self.refs[0])
        import_plugins(found.plugins)
        return found


def shared_of(folder: Path, prepared: Prepared) -> SharedRef:
    """Put what the trials share into the object store."""
    import ray

    config, packed, allotment = prepared.search.config, prepared.packed, prepared.allotment
    streamed = config.dataset.mode == "stream"
    shared = Shared(
        folder=str(folder.resolve()),
        packed=str(packed.folder),
        images_NCHW=None if streamed else packed.train_images,
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
        device=allotment.device,
        threads=allotment.threads,
        gpu=allotment.gpu,
        data_cpu=allotment.data_cpu,
        workers=allotment.workers,
        population=config.search.scheduler.engine == "tune-pbt",
        rules=config.search.verdict,
        labels=prepared.labels,
        precision=config.search.resources.precision,
        plugins=prepared.search.plugins,
    )
    return SharedRef([ray.put(shared)])


def run_trial(config: dict[str, Any], shared: SharedRef) -> None:
    """Tune's function: trains one configuration from its last checkpoint on."""
    from ray import tune

    here = shared.get()
    datasets = {"train": _stream(here)} if here.images_NCHW is None else {}
    if here.workers == 0:
        tell = _telling_with_checkpoints(config, here) if here.population else tune.report
        _fit_local(config, here, datasets, tell)
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
    from animesearch.trainers.checkpoint import SUFFIX, checkpoint_files
    from animesearch.trainers.config import TrialConfig

    setting = setting_of(config, shared)
    trial = TrialConfig.model_validate(config[KEY]["trial"])
    given = tune.get_checkpoint()
    if given is not None:
        with given.as_directory() as place:
            (donor,) = Path(place).glob(f"*{SUFFIX}")
            adopt(donor, trial, setting)
    elif own := checkpoint_files(setting.folder / "checkpoints"):
        adopt(own[-1], trial, setting)

    def tell(metrics: Mapping[str, Any]) -> None:
        if "score" not in metrics:
            tune.report(metrics)
            return
        newest = checkpoint_files(setting.folder / "checkpoints")[-1]
        with tempfile.TemporaryDirectory() as place:
            shutil.copy(newest, place)
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(place))

    return tell


def _fit_local(
    config: dict[str, Any], shared: Shared, datasets: dict[str, Dataset], tell: Tell
) -> None:
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        lambda: train_and_tell(config, shared, tell),
        scaling_config=ScalingConfig(num_workers=0),
        datasets=datasets,
    ).fit()


def _fit_nested(
    config: dict[str, Any], ref: SharedRef, shared: Shared, datasets: dict[str, Dataset]
) -> None:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    resources = {"CPU": float(shared.threads), **({"GPU": shared.gpu} if shared.gpu else {})}
    TorchTrainer(
        nested_loop,
        train_loop_config={"config": config, "shared": ref},
        scaling_config=ScalingConfig(
            num_workers=shared.workers,
            use_gpu=shared.gpu > 0,
            resources_per_worker=resources,
        ),
        run_config=RunConfig(
            name=str(config[KEY]["trial_id"]),
            storage_path=str(Path(shared.folder) / "train"),
            callbacks=[TuneReportCallback()],
        ),
        datasets=datasets,
    ).fit()


def nested_loop(job: dict[str, Any]) -> None:
    """The loop in a Ray Train worker process."""
    from ray import train

    train_and_tell(job["config"], job["shared"].get(), train.report)


def train_and_tell(config: dict[str, Any], shared: Shared, tell: Tell) -> None:
    """Train to the end, telling every report; closed in order when Tune stops the trial."""
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.trainers.config import TrialConfig
    from animesearch.trainers.loop import train

    trial = TrialConfig.model_validate(config[KEY]["trial"])
    setting = setting_of(config, shared)
    evaluator = Evaluator(shared.spec, shared.real, shared.samples, shared.device)
    batches = batches_of(trial.batch, setting.seed, shared)
    reports = train(trial, setting, batches, evaluator.score, labels_of(batches, shared))
    with closing(reports):
        for report in reports:
            tell(report.as_metrics())


def setting_of(config: dict[str, Any], shared: Shared) -> TrialSetting:
    """Place, budget and machine of the trial."""
    from animesearch.trainers.setting import TrialSetting

    return TrialSetting(
        folder=Path(shared.folder) / "trials" / config[KEY]["trial_id"],
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


def batches_of(batch: int, seed: int, shared: Shared) -> BatchSource:
    """Batches of reals: rows of the packed array, or a shard of the stream."""
    from animesearch.datasets.batches import PackedBatches, StreamBatches

    if shared.images_NCHW is not None:
        return PackedBatches(shared.images_NCHW, batch, seed, shared.flip, order=shared.order)
    from ray.train import get_dataset_shard

    shard = get_dataset_shard("train")
    return StreamBatches(shard, batch, seed, shared.flip, count=shared.count, order=shared.order)


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

    from animesearch.datasets.packed import PackedDataset
    from animesearch.datasets.stream import stream_dataset

    context = DataContext.get_current()
    context.execution_options.resource_limits = ExecutionResources(cpu=shared.data_cpu)
    return stream_dataset(PackedDataset.open(Path(shared.packed)))
