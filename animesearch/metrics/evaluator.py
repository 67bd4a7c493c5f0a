"""Scores a generator: draws fakes, takes their features, measures the distance to the reals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError, NoSpreadError
from animesearch.metrics.features import FeatureSpec
from animesearch.metrics.features.base import check_images
from animesearch.metrics.frechet import frechet_distance
from animesearch.metrics.noise import standard_error
from animesearch.metrics.statistics import RealStatistics, default_batch

if TYPE_CHECKING:
    from torch import Tensor

Draw = Callable[[int, int], "Tensor"]


@dataclass(frozen=True)
class Score:
    """A finite distance, lower is better.

    ``value`` >= 0 in units of squared features, ``noise`` its standard error over draws of as many
    fakes (see :mod:`animesearch.metrics.noise`), ``metric`` its name with the features in it,
    ``samples`` the number of fakes, ``seconds`` the time it took (drawing included),
    ``features_ND`` the fakes' features (float32) where they were asked for.
    """

    value: float
    metric: str
    samples: int
    seconds: float = 0.0
    noise: float | None = None
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
        Raises :class:`MetricError` for fakes of another type, count or shape than the reals and
        for features that are not finite, :class:`NoSpreadError` where all fakes are one image.
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
        value = frechet_distance(self.real.gaussian, features_ND, self.network.device)
        return Score(
            value=value,
            metric=self.spec.metric_name,
            samples=self.samples,
            noise=standard_error(self.real.gaussian, features_ND),
            seconds=time.perf_counter() - began,
            features_ND=features_ND if keep_features else None,
        )

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
            raise NoSpreadError(f"all {samples} fakes are the same image: no spread to compare")
