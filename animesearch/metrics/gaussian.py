"""Mean and covariance in float64, gathered in one pass and merged exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError

Array = npt.NDArray[np.float64]

CHUNK_ROWS = 1024


@dataclass(frozen=True)
class Moments:
    """Count, mean (D,) and scatter (D, D), the sum of outer products of centred features.

    Two parts merge by the pairwise update of Chan, Golub and LeVeque (1979), so the result does
    not depend on how the features were divided, beyond rounding.
    """

    count: int
    mean: Array
    scatter: Array

    @classmethod
    def of(cls, features_ND: npt.NDArray[Any]) -> Moments:
        """Moments of features (N, D); :class:`MetricError` if empty or not finite."""
        x_ND = finite_features(features_ND)
        mean_D = x_ND.mean(axis=0)
        centred_ND = x_ND - mean_D
        return cls(len(x_ND), mean_D, centred_ND.T @ centred_ND)

    def merge(self, other: Moments) -> Moments:
        """Moments of both parts together."""
        if self.mean.shape != other.mean.shape:
            raise MetricError(
                f"moments of {len(self.mean)} and {len(other.mean)} features do not merge"
            )
        count = self.count + other.count
        step_D = other.mean - self.mean
        mean_D = self.mean + step_D * (other.count / count)
        between = self.count * other.count / count
        scatter_DD = self.scatter + other.scatter + between * np.outer(step_D, step_D)
        return Moments(count, mean_D, scatter_DD)

    def covariance(self) -> Array:
        """Unbiased covariance (D, D); :class:`MetricError` with fewer than 2 samples."""
        if self.count < 2:
            raise MetricError(f"a covariance needs at least 2 samples, there is {self.count}")
        return self.scatter / (self.count - 1)


class MomentStream:
    """Gathers features batch by batch; holds at most about a thousand rows beside the moments."""

    def __init__(self) -> None:
        self._moments: Moments | None = None
        self._waiting: list[Array] = []
        self._rows = 0

    def add(self, features_ND: npt.NDArray[Any]) -> None:
        """Takes features (N, D); :class:`MetricError` if they are not finite."""
        self._waiting.append(finite_features(features_ND))
        self._rows += len(features_ND)
        if self._rows >= CHUNK_ROWS:
            self._absorb()

    def moments(self) -> Moments:
        """Moments of all features so far; :class:`MetricError` if there were none."""
        if self._rows:
            self._absorb()
        if self._moments is None:
            raise MetricError("no features were given")
        return self._moments

    def _absorb(self) -> None:
        part = Moments.of(_stacked(self._waiting))
        self._moments = part if self._moments is None else self._moments.merge(part)
        self._waiting, self._rows = [], 0


def finite_features(features_ND: npt.NDArray[Any]) -> Array:
    """Features (N, D) as float64, N >= 1; :class:`MetricError` for anything else."""
    x_ND = np.asarray(features_ND, dtype=np.float64)
    if x_ND.ndim != 2 or 0 in x_ND.shape:
        raise MetricError(f"features must be (count, dimensions), not {x_ND.shape}")
    if not np.isfinite(x_ND).all():
        bad = int((~np.isfinite(x_ND)).any(axis=1).sum())
        raise MetricError(f"{bad} of {len(x_ND)} images have features that are not finite")
    return x_ND


def _stacked(parts: list[Array]) -> Array:
    if len({part.shape[1] for part in parts}) > 1:
        raise MetricError("batches of features differ in their number of dimensions")
    return np.concatenate(parts)
