"""What the parts share: their options and results, Ray, a prepared set, an epoch of ours."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from data_parts import images

SIZE: Final = 64
BATCH: Final = 64


@dataclass(frozen=True)
class Outcome:
    """What one part found: ``value`` in ``unit``, at least or at most ``goal``."""

    part: str
    value: float
    unit: str
    goal: float
    at_least: bool
    text: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """For people."""
        met = self.value >= self.goal if self.at_least else self.value <= self.goal
        sign = ">=" if self.at_least else "<="
        verdict = "met" if met else "missed"
        return (
            f"{self.part}: {self.value:.3g} {self.unit} (goal {sign} {self.goal:g}: {verdict})"
            f"\n    {self.text}"
        )


@dataclass(frozen=True)
class Bench:
    """Options of a call, and its folder."""

    folder: Path
    cores: int
    count: int
    repeat: int
    source: Path | None

    def cache(self) -> Path:
        """A cache that nothing has used."""
        return Path(tempfile.mkdtemp(prefix="cache-", dir=self.folder))


class Progress:
    """One line of stderr, at most twice a second."""

    def __init__(self) -> None:
        self._stage, self._told = "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._told < 0.5:
            return
        self._stage, self._told = stage, now
        end = "\n" if done == total else ""
        print(f"\r{stage} {done:,} of {total:,}  ", end=end, file=sys.stderr, flush=True)


tell = Progress()


@contextlib.contextmanager
def ray_up(cores: int) -> Iterator[None]:
    """A Ray of its own on this machine, started as for a search."""
    from animesearch.tuning.cluster_session import QUIET

    os.environ.update(QUIET)
    import ray

    ray.init(
        address="local",
        num_cpus=cores,
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        yield
    finally:
        ray.shutdown()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and the result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def prepared(source: Path, cache: Path) -> Any:
    """The source as a packed set of RGB images of :data:`SIZE` pixels; no cleaning steps."""
    from animesearch.datasets.config import DatasetConfig
    from animesearch.datasets.pipeline import prepare

    config = DatasetConfig.model_validate({"source": str(source), "size": SIZE})
    return prepare(config, cache, tell)


def packed_set(bench: Bench, made: Sequence[bytes], count: int | None = None) -> Any:
    """``count`` images, by default those of the call, prepared from a tar."""
    count = count or bench.count
    tar = images.write_tar(bench.folder / f"{count}.tar", made, count, tell)
    with ray_up(bench.cores):
        packed = prepared(tar, bench.folder / "cache")
    tar.unlink()
    return packed


def our_epoch(images_NCHW: npt.NDArray[np.uint8], shown: int | None = None) -> float:
    """Images per second, from a packed array to tensors in [-1, 1] as a trial makes them.

    One epoch, or until so many images are shown.
    """
    from animesearch.datasets.batches import PackedBatches
    from animesearch.trainers.trial import pixels

    batches = PackedBatches(images_NCHW, BATCH, 0)
    places = range(0, shown or len(images_NCHW), BATCH)
    # What ``trainers.trial.Trial`` does to a batch of reals.
    return rate(pixels(batches(place)).float().mul_(2 / 255.0).add_(-1.0) for place in places)


def rate(tensors: Iterator[Any]) -> float:
    """Images per second of batches (B, C, H, W)."""
    began, count = time.perf_counter(), 0
    for x_BCHW in tensors:
        count += len(x_BCHW)
    return count / (time.perf_counter() - began)
