"""Seeded images for the metric tests, and the type of the stand-in for Inception's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from animesearch.metrics.features import FeatureSpec
from animesearch.metrics.reals import RealImages, Reals
from animesearch.metrics.statistics import RealStatistics

Images = npt.NDArray[np.uint8]


def smooth_images(count: int, side: int = 32, channels: int = 3, seed: int = 0) -> Images:
    """Random blobs (count, channels, side, side): coarse noise, enlarged, so not white."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, channels, 4, 4))
    large = coarse.repeat(side // 4, axis=2).repeat(side // 4, axis=3)
    return (large + rng.normal(0, 8, large.shape)).clip(0, 255).astype(np.uint8)


def real_statistics(
    images_NCHW: Images,
    spec: FeatureSpec,
    digest: str = "d",
    cache: Path | None = None,
    batch: int | None = None,
) -> RealStatistics:
    """Those of real images, by one pass."""
    *_, found = RealImages(images_NCHW, spec, digest, cache=cache, batch=batch).measured()
    assert isinstance(found, Reals)
    return found.statistics


@dataclass(frozen=True)
class WeightsFile:
    path: Path
    sha256: str
