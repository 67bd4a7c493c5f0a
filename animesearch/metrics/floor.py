"""The floor of a metric: what a perfect generator would get at the same counts."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.files import write_json
from animesearch.metrics.features.base import FeatureNetwork, check_images
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import MomentStream
from animesearch.metrics.statistics import Images, features_of, identity_key

LEAST = 4
"""Images that a floor needs: two in each half."""

_log = logging.getLogger(__name__)


class FloorStream:
    """Fréchet distance between two disjoint halves of ``count`` real images, ``count`` >= 4.

    One half, drawn with ``seed``, is the reference; of the other at most ``samples`` are taken, so
    that its count equals that of a score.  Small counts bias distances upward, the floor like the
    scores, and the reference here is half as large.  Raises :class:`MetricError` for fewer images.
    """

    def __init__(self, count: int, samples: int, seed: int = 0) -> None:
        self._first, self._second = halves(count, samples, seed)
        self._reference = MomentStream()
        self._fakes: list[npt.NDArray[np.float32]] = []
        self._done = 0

    def add(self, part_BD: npt.NDArray[np.float32]) -> None:
        """The features of the next images, in order."""
        start, self._done = self._done, self._done + len(part_BD)
        reference_RD, fakes_FD = (
            part_BD[half[slice(*np.searchsorted(half, (start, self._done)))] - start]
            for half in (self._first, self._second)
        )
        if len(reference_RD):
            self._reference.add(reference_RD)
        self._fakes.append(fakes_FD)

    def distance(self) -> float:
        """Of all images that came; :class:`MetricError` for halves without any spread."""
        reference = GaussianFactor.of(self._reference.moments())
        return frechet_distance(reference, np.concatenate(self._fakes))


def halves(
    count: int, samples: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places of the reference and of the ``samples`` that are measured against it, ascending."""
    if count < LEAST:
        raise MetricError(f"a floor needs at least {LEAST} images, there are {count}")
    order = np.random.default_rng(seed).permutation(count)
    half = count // 2
    return np.sort(order[:half]), np.sort(order[half:][:samples])


def floor_distance(
    images_NCHW: Images,
    network: FeatureNetwork,
    samples: int,
    batch: int | None = None,
    seed: int = 0,
) -> float:
    """The same of images (N, C, H, W); only those that count go through the network."""
    check_images(images_NCHW.shape, str(images_NCHW.dtype))
    first, second = halves(len(images_NCHW), samples, seed)
    reference = MomentStream()
    for features_BD in features_of(images_NCHW[first], network, batch):
        reference.add(features_BD)
    fakes_ND = np.concatenate([*features_of(images_NCHW[second], network, batch)])
    return frechet_distance(GaussianFactor.of(reference.moments()), fakes_ND)


def floor_path(cache: Path, identity: Mapping[str, Any], samples: int) -> Path:
    """Where the floor of these reals at this number of samples lies."""
    return cache / "features" / f"{identity_key({**identity, 'floor': samples})}.floor.json"


def known_floor(path: Path) -> float | None:
    """What stands there; None for a file that is missing or broken."""
    try:
        found = json.loads(path.read_bytes())["floor"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if isinstance(found, float) and math.isfinite(found) else None


def keep_floor(found: float, path: Path) -> None:
    """A cache that cannot be written costs time, not the result."""
    try:
        write_json(path, {"floor": found})
    except OSError as error:
        _log.warning("the floor is not cached: %s", error)
