"""The floor of a metric: what a perfect generator would get at the same counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.files import content_id, write_json
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import MomentStream
from animesearch.metrics.statistics import identity_key

LEAST = 4
"""Images that a floor needs: two in each half."""

_log = logging.getLogger(__name__)


class FloorStream:
    """Fréchet distances between two disjoint halves of ``count`` real images, ``count`` >= 4.

    One half, drawn with ``seed``, is the reference; of the other as many are taken as a score has
    fakes, or all where there are no more, for each of the numbers of ``samples`` (at least one).
    Small counts bias distances upward, the floor like the scores, and the reference here is half
    as large.  Raises :class:`MetricError` for fewer images.
    """

    def __init__(self, count: int, samples: Collection[int], seed: int = 0) -> None:
        if count < LEAST:
            raise MetricError(f"a floor needs at least {LEAST} images, there are {count}")
        order = np.random.default_rng(seed).permutation(count)
        self._reference_at = np.sort(order[: count // 2])
        self._fakes_at = {number: np.sort(order[count // 2 :][:number]) for number in samples}
        self._largest_at = self._fakes_at[max(samples)]
        self._reference = MomentStream()
        self._largest: list[npt.NDArray[np.float32]] = []
        self._done = 0

    def add(self, part_BD: npt.NDArray[np.float32]) -> None:
        """The features of the next images, in order."""
        start, self._done = self._done, self._done + len(part_BD)
        reference_RD, fakes_FD = (
            part_BD[half[slice(*np.searchsorted(half, (start, self._done)))] - start]
            for half in (self._reference_at, self._largest_at)
        )
        if len(reference_RD):
            self._reference.add(reference_RD)
        self._largest.append(fakes_FD)

    def distances(self) -> dict[int, float]:
        """Of all images that came, by the number of samples; :class:`NoSpreadError` where one of
        the halves is one image."""
        reference = GaussianFactor.of(self._reference.moments())
        largest_ND = np.concatenate(self._largest)
        return {
            number: frechet_distance(reference, largest_ND[np.searchsorted(self._largest_at, at)])
            for number, at in self._fakes_at.items()
        }


def floor_path(cache: Path, identity: Mapping[str, Any], samples: int) -> Path:
    """Where the floor of these reals at this number of samples lies."""
    return cache / "features" / f"{identity_key({**identity, 'floor': samples})}.floor.json"


def known_floor(path: Path) -> float | None:
    """What stands there; None for a file that is missing, damaged or of another floor."""
    try:
        found = json.loads(path.read_bytes())
        whole = found == _sealed(found["floor"], path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found["floor"]) if whole else None


def keep_floor(found: float, path: Path) -> None:
    """A cache that cannot be written costs time, not the result."""
    try:
        write_json(path, _sealed(found, path))
    except OSError as error:
        _log.warning("the floor is not cached: %s", error)


def _sealed(floor: float, path: Path) -> dict[str, Any]:
    """With a hash over the number and the name of the file, which says what it is of."""
    return {"floor": floor, "sha256": content_id([path.name, floor], length=64)}
