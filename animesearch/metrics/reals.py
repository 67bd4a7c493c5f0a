"""The real images as a feature network sees them: one pass feeds all that is known of them.

What the pass finds lies in the cache under the digest of the pixels, the features with their
weights and the resize policy: the statistics, the floor, and the features themselves, from which
everything else follows without another pass.  Files are verified when they are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from animesearch.errors import MetricError, NoSpreadError
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


class Reals(NamedTuple):
    """What one pass finds; the floors by their numbers of samples, none where too few images
    differ."""

    statistics: RealStatistics
    floors: Mapping[int, float]


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

    def measured(self, samples: Collection[int] = ()) -> Iterator[int | Reals]:
        """How many images are done, as it goes; at last the statistics, and the floors at each of
        these numbers of ``samples``.

        The last alone where all is known, the features too.  Raises :class:`MetricError` for
        fewer than 2 images and for images without any spread, :class:`MissingWeightsError`.
        """
        check_images(self.images_NCHW.shape, str(self.images_NCHW.dtype))
        self.spec.ensure()
        count = len(self.images_NCHW)
        samples = samples if count >= LEAST else ()
        found = self._known(samples)
        if found is None:
            if count < 2:
                raise MetricError(f"statistics need at least 2 real images, there is {count}")
            kept = self._recalled()
            gathered = _Gathered(count, self.spec.dim, samples, hold=kept is None)
            for part_BD in self._computed() if kept is None else _blocks(kept.features_ND):
                gathered.add(part_BD)
                yield gathered.done
            found = self._keep(gathered)
        yield found

    def _computed(self) -> Iterator[Features]:
        return features_of(self.images_NCHW, self.spec.build(self.device), self.batch)

    def _recalled(self, rows: Rows | None = None) -> Kept | None:
        if self.cache is None:
            return None
        return recall(kept_path(self.cache, self.identity), self.identity, rows)

    def _known(self, samples: Collection[int]) -> Reals | None:
        """All that is asked for, unless something is missing."""
        if self.cache is None:
            return None
        statistics = known_statistics(statistics_path(self.cache, self.identity), self.identity)
        places = {number: floor_path(self.cache, self.identity, number) for number in samples}
        floors = {number: known_floor(place) for number, place in places.items()}
        kept = kept_path(self.cache, self.identity).exists()
        features = kept or not few_enough(len(self.images_NCHW), self.spec.dim)
        known = {number: floor for number, floor in floors.items() if floor is not None}
        if statistics is None or len(known) < len(floors) or not features:
            return None
        return Reals(statistics, known)

    def _keep(self, gathered: _Gathered) -> Reals:
        if self.cache is None:
            return Reals(gathered.statistics(self.identity), gathered.floors())
        path = statistics_path(self.cache, self.identity)
        known = known_statistics(path, self.identity)
        found = Reals(known or gathered.statistics(self.identity), gathered.floors())
        if known is None:
            keep_statistics(found.statistics, path)
        for number, floor in found.floors.items():
            keep_floor(floor, floor_path(self.cache, self.identity, number))
        if gathered.features_ND is not None:
            keep(kept_path(self.cache, self.identity), self.identity, gathered.features_ND)
        return found


class _Gathered:
    """What comes of all features, part by part; they are held where few enough to be kept."""

    def __init__(self, count: int, dim: int, samples: Collection[int], hold: bool) -> None:
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

    def floors(self) -> dict[int, float]:
        """By their numbers of samples; none of halves that are one image each."""
        try:
            return {} if self._floor is None else self._floor.distances()
        except NoSpreadError:
            return {}


def _blocks(features_ND: Features) -> Iterator[Features]:
    for start in range(0, len(features_ND), BLOCK):
        yield features_ND[start : start + BLOCK]
