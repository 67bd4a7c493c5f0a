"""Scores a generator: draws fakes, takes their features, measures the distance to the reals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.metrics.features import FeatureSpec
from animesearch.metrics.features.base import check_images
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import Moments
from animesearch.metrics.statistics import (
    Images,
    RealStatistics,
    default_batch,
    features_of,
)

if TYPE_CHECKING:
    from torch import Tensor

Draw = Callable[[int, int], "Tensor"]


@dataclass(frozen=True)
class Score:
    """A finite distance, lower is better.

    ``value`` >= 0 in units of squared features, ``metric`` its name with the features in it,
    ``samples`` the number of fakes, ``seconds`` the time it took (drawing included),
    ``features_ND`` the fakes' features (float32) where they were asked for.
    """

    value: float
    metric: str
    samples: int
    seconds: float = 0.0
    features_ND: npt.NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise MetricError(f"{self.metric} has no finite value: {self.value}")


class Evaluator:
    """One feature network and one reference, for all generators of a search.

    ``real`` must come from the same ``spec``; ``batch`` images go through the network at once
    (None: what suits the device).  Nothing of one score is kept for the next.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        real: RealStatistics,
        samples: int = 1000,
        device: str = "cpu",
        batch: int | None = None,
    ) -> None:
        if samples < 2:
            raise MetricError(f"a score needs at least 2 samples, not {samples}")
        if real.identity["features"] != spec.identity():
            raise MetricError(
                f"the real statistics are of {real.identity['features']}, not {spec.identity()}"
            )
        self.spec = spec
        self.real = real
        self.samples = samples
        self.batch = batch or default_batch(device)
        self.network = spec.build(device)

    def score(self, draw: Draw, start: int = 0, keep_features: bool = False) -> Score:
        """Distance of ``samples`` fakes to the reals.

        ``draw(start, count)`` gives uint8 fakes (count, C, H, W) of the latents
        start..start + count; ``start=samples`` scores on fresh ones.
        Raises :class:`MetricError` for fakes of another type, count or shape than the reals,
        for features that are not finite, and where all fakes are one image.
        """
        began = time.perf_counter()
        parts = []
        varied = _Variety()
        for offset in range(0, self.samples, self.batch):
            count = min(self.batch, self.samples - offset)
            fakes_BCHW = self._checked(draw(start + offset, count), count)
            varied.see(fakes_BCHW)
            parts.append(self.network(fakes_BCHW).cpu().numpy())
        varied.check(self.samples)
        features_ND = np.concatenate(parts)
        value = frechet_distance(self.real.gaussian, features_ND)
        return Score(
            value=value,
            metric=self.spec.metric_name,
            samples=self.samples,
            seconds=time.perf_counter() - began,
            features_ND=features_ND if keep_features else None,
        )

    def floor(self, images_NCHW: Images, seed: int = 0) -> Score:
        """Distance between two disjoint halves of real images: what a perfect generator gets.

        One half is the reference; of the other at most ``samples`` are taken, so that its count
        equals that of a score.  Small counts bias distances upward, the floor like the scores,
        and the reference here is half as large.  Needs at least 4 images.
        """
        began = time.perf_counter()
        check_images(images_NCHW.shape, str(images_NCHW.dtype))
        half = len(images_NCHW) // 2
        if half < 2:
            raise MetricError(f"a floor needs at least 4 images, there are {len(images_NCHW)}")
        order = np.random.default_rng(seed).permutation(len(images_NCHW))
        first, second = order[:half], order[half:][: self.samples]
        reference = GaussianFactor.of(Moments.of(self._features(images_NCHW, first)))
        value = frechet_distance(reference, self._features(images_NCHW, second))
        seconds = time.perf_counter() - began
        return Score(value, self.spec.metric_name, len(second), seconds)

    def protocol(self) -> dict[str, Any]:
        """What a score depends on, plain JSON: scores compare only where it is equal."""
        return protocol(self.real, self.samples)

    def _features(
        self, images_NCHW: Images, rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        ordered_NCHW = images_NCHW[np.sort(rows)]
        return np.concatenate(list(features_of(ordered_NCHW, self.network, self.batch)))

    def _checked(self, fakes_BCHW: Tensor, count: int) -> Tensor:
        check_images(tuple(fakes_BCHW.shape), str(fakes_BCHW.dtype))
        expected = (count, *self.real.shape)
        if tuple(fakes_BCHW.shape) != expected:
            raise MetricError(
                f"{expected} fakes were asked for (count, channels, height, width as the reals), "
                f"the generator gave {tuple(fakes_BCHW.shape)}"
            )
        return fakes_BCHW


def protocol(real: RealStatistics, samples: int) -> dict[str, Any]:
    """Protocol of a score against ``real`` with ``samples`` fakes, plain JSON."""
    identity = real.identity
    return {
        "metric": identity["metric"],
        "features": identity["features"],
        "resize": identity["resize"],
        "shape": identity["shape"],
        "samples": samples,
        "reference": real.count,
        "data": identity["data"],
        "version": identity["version"],
    }


class _Variety:
    """Notices when all images of a stream are the same one."""

    def __init__(self) -> None:
        self._first_1CHW: Tensor | None = None
        self._varied = False

    def see(self, x_BCHW: Tensor) -> None:
        if self._first_1CHW is None:
            self._first_1CHW = x_BCHW[:1].clone()
        self._varied = self._varied or bool((x_BCHW != self._first_1CHW).any())

    def check(self, samples: int) -> None:
        if not self._varied:
            raise MetricError(f"all {samples} fakes are the same image: no spread to compare")
