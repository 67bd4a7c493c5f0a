"""The real images as a feature network sees them: one pass feeds all that is known of them.

What the pass finds lies in the cache under the digest of the pixels, the features with their
weights and the resize policy: the statistics, the floor, and the features themselves, from which
everything else follows without another pass.  Files are verified when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from animesearch.errors import MetricError
from animesearch.metrics.features.base import FeatureSpec, check_images
from animesearch.metrics.floor import LEAST, FloorStream, floor_path, keep_floor, known_floor
from animesearch.metrics.frechet import GaussianFactor
from animesearch.metrics.gaussian import MomentStream
from animesearch.metrics.kept import (
    BLOCK,
    Features,
    Kept,
    Rows,
    few_enough,
    keep,
    kept_path,
    recall,
    warn_of_size,
)
from animesearch.metrics.statistics import (
    Images,
    RealStatistics,
    features_of,
    keep_statistics,
    known_statistics,
    real_identity,
    statistics_path,
)

STAGE: Final = "features of the real images"
Progress = Callable[[str, int, int], None]


class Reals(NamedTuple):
    """What one pass finds; no floor where none was asked for, or there are too few images."""

    statistics: RealStatistics
    floor: float | None = None


@dataclass(frozen=True, eq=False)
class RealImages:
    """Packed images, uint8 (N, C, H, W), and the features that are taken of them.

    ``digest`` names the pixels (for example ``PackedDataset.pixels_digest``).  Files lie in
    ``cache / "features"``; without ``cache`` nothing is kept.  ``batch`` images go through the
    network at once (None: what suits the device).
    """

    images_NCHW: Images
    spec: FeatureSpec
    digest: str
    device: str = "cpu"
    cache: Path | None = None
    batch: int | None = None

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the features depend on."""
        return real_identity(self.spec, self.digest, self.images_NCHW.shape)

    def features(self, rows: Rows) -> Features:
        """Features (len(rows), D) of the images at these places, ascending."""
        return np.concatenate([*self.parts(rows)])

    def parts(self, rows: Rows) -> Iterator[Features]:
        """The same part by part: read where they are kept, else computed of these images alone."""
        kept = self._recalled(rows)
        if kept is not None:
            return _blocks(kept.features_ND)
        places = slice(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows
        return features_of(self.images_NCHW[places], self.spec.build(self.device), self.batch)

    def measured(self, samples: int | None = None) -> Generator[int, None, Reals]:
        """Yields how many images are done; gives the statistics, and the floor at ``samples``.

        Nothing is yielded where all is known, the features too.  Raises :class:`MetricError` for
        fewer than 2 images and for images without any spread, :class:`MissingWeightsError`.
        """
        check_images(self.images_NCHW.shape, str(self.images_NCHW.dtype))
        self.spec.ensure()
        count = len(self.images_NCHW)
        samples = samples if count >= LEAST else None
        known = self._known(samples)
        if known is not None:
            return known
        if count < 2:
            raise MetricError(f"statistics need at least 2 real images, there is {count}")
        kept = self._recalled()
        gathered = _Gathered(count, self.spec.dim, samples, hold=kept is None)
        for part_BD in self._computed() if kept is None else _blocks(kept.features_ND):
            gathered.add(part_BD)
            yield gathered.done
        return self._keep(gathered, samples)

    def _computed(self) -> Iterator[Features]:
        return features_of(self.images_NCHW, self.spec.build(self.device), self.batch)

    def _recalled(self, rows: Rows | None = None) -> Kept | None:
        if self.cache is None:
            return None
        return recall(kept_path(self.cache, self.identity), self.identity, rows)

    def _known(self, samples: int | None) -> Reals | None:
        """All that is asked for, unless something is missing."""
        if self.cache is None:
            return None
        statistics = known_statistics(statistics_path(self.cache, self.identity), self.identity)
        floor = samples and known_floor(floor_path(self.cache, self.identity, samples))
        kept = kept_path(self.cache, self.identity).exists()
        features = kept or not few_enough(len(self.images_NCHW), self.spec.dim)
        if statistics is None or (samples and floor is None) or not features:
            return None
        return Reals(statistics, floor)

    def _keep(self, gathered: _Gathered, samples: int | None) -> Reals:
        if self.cache is None:
            return Reals(gathered.statistics(self.identity), gathered.floor())
        path = statistics_path(self.cache, self.identity)
        known = known_statistics(path, self.identity)
        found = Reals(known or gathered.statistics(self.identity), gathered.floor())
        if known is None:
            keep_statistics(found.statistics, path)
        if samples and found.floor is not None:
            keep_floor(found.floor, floor_path(self.cache, self.identity, samples))
        if gathered.features_ND is not None:
            keep(kept_path(self.cache, self.identity), self.identity, gathered.features_ND)
        return found


class _Gathered:
    """What comes of all features, part by part; they are held where few enough to be kept."""

    def __init__(self, count: int, dim: int, samples: int | None, hold: bool) -> None:
        self.done = 0
        self._moments = MomentStream()
        self._floor = FloorStream(count, samples) if samples else None
        self.features_ND: Features | None = None
        if hold and few_enough(count, dim):
            self.features_ND = np.empty((count, dim), dtype=np.float32)
        elif hold:
            warn_of_size(count, dim)

    def add(self, part_BD: Features) -> None:
        """The features of the next images."""
        self._moments.add(part_BD)
        if self._floor is not None:
            self._floor.add(part_BD)
        if self.features_ND is not None:
            self.features_ND[self.done : self.done + len(part_BD)] = part_BD
        self.done += len(part_BD)

    def statistics(self, identity: dict[str, Any]) -> RealStatistics:
        """Raises :class:`MetricError` for images without any spread."""
        return RealStatistics(GaussianFactor.of(self._moments.moments()), identity)

    def floor(self) -> float | None:
        """The floor, where one was asked for."""
        return None if self._floor is None else self._floor.distance()


def real_statistics(  # noqa: PLR0913
    images_NCHW: Images,
    spec: FeatureSpec,
    device: str = "cpu",
    cache: Path | None = None,
    *,
    digest: str,
    batch: int | None = None,
    progress: Progress | None = None,
) -> RealStatistics:
    """Statistics of uint8 images (N, C, H, W), N >= 2, from the cache where they are known.

    ``progress`` is called with a word, images done and images in all.  The others are those of
    :class:`RealImages`; raises as :meth:`RealImages.measured`.
    """
    steps = RealImages(images_NCHW, spec, digest, device, cache, batch).measured()
    while True:
        try:
            done = next(steps)
        except StopIteration as end:
            found: Reals = end.value
            return found.statistics
        if progress is not None:
            progress(STAGE, done, len(images_NCHW))


def _blocks(features_ND: Features) -> Iterator[Features]:
    for start in range(0, len(features_ND), BLOCK):
        yield features_ND[start : start + BLOCK]
