"""Images that stream to several workers of a trial: each has its own, and the losses are alike."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from animesearch.results.folder import RunFolder
from animesearch.tuning import launch, worker
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.prepare import Prepared, load_search, prepare
from animesearch.tuning.resources import Machine
from animesearch.tuning.teams import WorkerConfig
from tests.tuning.small import write_space
from tests.tuning.test_nested import needs_cleaner

COUNT, BATCH, PASSES = 97, 16, 2
STREAMED = ("dataset.mode=stream", "search.resources={workers: 2, cpu: 0.5, concurrency: 1}")
ALONE = ("dataset.mode=packed", "search.resources={workers: 0, cpu: 1, concurrency: 1}")
LEARNING = (
    "search.trials=1",
    "search.images=1024",
    "trial.architecture={name: penn-dcgan, width: 8, latent: 8}",
    "trial.loss=ns",
    "trial.generator.lr=1.0e-3",
    "trial.discriminator.lr=1.0e-3",
)
STRETCHES = 4
BLOCK_BYTES = 20 * 3 * 16 * 16
"""Five blocks for 97 images, the last of them with fewer."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_cleaner]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("animesearch.datasets.stream.STREAM_BYTES", BLOCK_BYTES)
        with ray_session(dashboard=True) as found:
            yield found


def rows_seen(job: dict[str, Any]) -> None:
    """In a worker: the images of its first batches, left in a file of its own."""
    from ray import train

    here = train.get_context()
    share = (here.get_world_rank(), here.get_world_size())
    batches = worker.batches_of(BATCH, 5, job["shared"].get(), share)
    seen = np.stack([batches(step * BATCH) for step in range(job["steps"])])
    np.save(Path(job["folder"]) / f"{share[0]}.npy", seen)


def prepared(folder: Path, machine: Machine, settings: Sequence[str]) -> Prepared:
    space = write_space(folder)
    found = load_search(str(space), [*settings, f"dataset.source.count={COUNT}"])
    return prepare(found.located(), machine, lambda *_: None)


def digests(images_NCHW: NDArray[np.uint8]) -> list[bytes]:
    return [image.tobytes() for image in images_NCHW]


def test_each_worker_has_its_own_rows_and_all_together_every_image(
    machine: Machine, tmp_path: Path
) -> None:
    """But for the one image that does not go up evenly."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    ready = prepared(tmp_path, machine, [*STREAMED, "dataset.flip=false"])
    shared = worker.shared_of(RunFolder(tmp_path / "run"), ready)
    steps = PASSES * (COUNT // BATCH)
    TorchTrainer(
        rows_seen,
        train_loop_config={"shared": shared, "folder": str(tmp_path), "steps": steps},
        torch_config=WorkerConfig(),
        scaling_config=ScalingConfig(
            num_workers=2, resources_per_worker=dict(ready.allotment.worker_resources)
        ),
        run_config=RunConfig(name="rows", storage_path=str(tmp_path / "train")),
        datasets={"train": worker._stream(shared.get())},
    ).fit()
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in range(2))
    assert first.shape == second.shape == (steps, BATCH // 2, 3, 16, 16)
    known = digests(ready.packed.train_images)
    assert len(set(known)) == COUNT
    passes = np.array_split(np.concatenate([first, second], axis=1), PASSES)
    for images in passes:
        seen = digests(images.reshape(-1, 3, 16, 16))
        assert len(set(seen)) == len(seen) == COUNT // BATCH * BATCH
        assert set(seen) <= set(known)
    assert digests(passes[0][0]) != digests(passes[1][0]), "every pass is shuffled anew"


def losses(folder: Path, settings: Sequence[str]) -> NDArray[np.float64]:
    """Of a search of one trial: (steps, 3), the images shown and the losses of D and G."""
    space = write_space(folder)
    assert launch.start(str(space), [*settings, *LEARNING], folder / "run") == launch.DONE
    run = RunFolder.open(folder / "run")
    [trial] = run.state().trials.values()
    assert trial.state == "completed" and len(trial.rungs) == len(run.info().rungs)
    with (run.trial(trial.trial_id) / "losses.csv").open() as file:
        rows = [[float(r[n]) for n in ("images", "loss_d", "loss_g")] for r in csv.DictReader(file)]
    return np.array(rows)


def test_losses_are_alike_but_not_the_same(machine: Machine, tmp_path: Path) -> None:
    """As many steps from the same weights, on other batches than one process has."""
    two, one = losses(tmp_path / "two", STREAMED), losses(tmp_path / "one", ALONE)
    np.testing.assert_array_equal(two[:, 0], one[:, 0])
    means = [[part.mean(0) for part in np.array_split(x[:, 1:], STRETCHES)] for x in (two, one)]
    assert not np.allclose(two[0, 1:], one[0, 1:], rtol=1e-4)
    np.testing.assert_allclose(*means, rtol=0.15)
