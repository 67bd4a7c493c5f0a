"""The Fréchet distance between two Gaussians, exact, from a factor of one covariance.

d² = |μ_r - μ_f|² + tr Σ_r + tr Σ_f - 2 tr (Σ_r Σ_f)^½   (Dowson and Landau 1982; FID: Heusel 2017)

With Σ_r = F Fᵀ and Σ_f = X Xᵀ the last trace is the sum of the singular values of Fᵀ X, that is
of the roots of the eigenvalues of a symmetric matrix, of the fakes' size when they are fewer
than the dimensions.  No general matrix square root is taken, and the real part is done once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

from animesearch.errors import MetricError, NoSpreadError
from animesearch.metrics.gaussian import CHUNK_ROWS, Array, Moments, MomentStream, finite_features

# Below this share of the traces a distance is rounding (float64 eigenvalues and their roots).
ROUNDING = 1e-6
# Spread of the fakes, relative to that of the reals, below which they are one image (float32).
NO_SPREAD = 1e-10


@dataclass(frozen=True)
class GaussianFactor:
    """A Gaussian with its covariance as a factor: mean (D,), factor (D, R), trace, count.

    ``factor @ factor.T`` is the covariance; R is its rank, at most D.
    """

    mean: Array
    factor: Array
    trace: float
    count: int

    @classmethod
    def of(cls, moments: Moments) -> GaussianFactor:
        """Factor by a symmetric eigendecomposition; :class:`MetricError` for fewer than 2
        samples, :class:`NoSpreadError` where all are the same."""
        covariance_DD = moments.covariance()
        values_D, vectors_DD = scipy.linalg.eigh(covariance_DD, driver="evd")
        kept = values_D > values_D[-1] * len(values_D) * np.finfo(np.float64).eps
        if values_D[-1] <= 0 or not kept.any():
            raise NoSpreadError(f"all {moments.count} images have the same features: no spread")
        factor_DR = np.ascontiguousarray(vectors_DD[:, kept] * np.sqrt(values_D[kept]))
        return cls(moments.mean, factor_DR, float(np.trace(covariance_DD)), moments.count)

    @classmethod
    def fitted(cls, features_ND: npt.NDArray[Any]) -> GaussianFactor:
        """Of features (N, D), a thousand rows at a time in float64; raises as :meth:`of`."""
        moments = MomentStream()
        for start in range(0, len(features_ND), CHUNK_ROWS):
            moments.add(features_ND[start : start + CHUNK_ROWS])
        return cls.of(moments.moments())


def frechet_distance(
    real: GaussianFactor, fakes_ND: npt.NDArray[Any], device: str = "cpu"
) -> float:
    """Fréchet distance (squared, as FID is) of fake features (N, D) to the reals; >= 0.

    In float64 everywhere: on the CPU through SciPy, on another ``device`` through torch.  Raises
    :class:`MetricError` with fewer than 2 fakes, other dimensions, features that are not finite or
    that are all the same.
    """
    x_ND = finite_features(fakes_ND)
    count, dim = x_ND.shape
    if count < 2:
        raise MetricError(f"a distance needs at least 2 fakes, there is {count}")
    if dim != len(real.mean):
        raise MetricError(f"the fakes have {dim} features, the reals {len(real.mean)}")
    if count >= dim:
        return frechet_between(real, Moments.of(x_ND), device)
    mean_D = x_ND.mean(axis=0)
    scaled_ND = (x_ND - mean_D) / np.sqrt(count - 1)
    values_N = _eigenvalues(_gram, (scaled_ND, real.factor), device)
    return _assemble(real, mean_D, float(np.square(scaled_ND).sum()), values_N)


def frechet_between(real: GaussianFactor, fake: Moments, device: str = "cpu") -> float:
    """The same from streamed moments of the fakes, for more fakes than dimensions."""
    if fake.mean.shape != real.mean.shape:
        raise MetricError(f"the fakes have {len(fake.mean)} features, the reals {len(real.mean)}")
    covariance_DD = fake.covariance()
    values_R = _eigenvalues(_between, (covariance_DD, real.factor), device)
    return _assemble(real, fake.mean, float(np.trace(covariance_DD)), values_R)


def _gram(scaled_ND: Any, factor_DR: Any) -> Any:
    product_NR = scaled_ND @ factor_DR
    return product_NR @ product_NR.T


def _between(covariance_DD: Any, factor_DR: Any) -> Any:
    return factor_DR.T @ covariance_DD @ factor_DR


def _eigenvalues(of: Callable[..., Any], arrays: tuple[Array, ...], device: str) -> Array:
    """Of the symmetric matrix that ``of`` makes of arrays or of tensors, float64, ascending."""
    if device == "cpu":
        found: Array = scipy.linalg.eigvalsh(of(*arrays), driver="evd")
        return found
    import torch

    matrix = of(*(torch.tensor(array, device=device) for array in arrays))
    values: Array = torch.linalg.eigvalsh(matrix).cpu().numpy()
    return values


def _assemble(real: GaussianFactor, mean_D: Array, trace: float, values: Array) -> float:
    """Distance from the fakes' mean and trace and the eigenvalues of Σ_r Σ_f (apart from
    zeros)."""
    if trace <= NO_SPREAD * real.trace:
        raise NoSpreadError("all fakes have the same features: the generator draws one image")
    roots = np.sqrt(np.clip(values, 0.0, None))
    shift = float(np.square(real.mean - mean_D).sum())
    scale = real.trace + trace + shift
    value = shift + real.trace + trace - 2.0 * float(roots.sum())
    if not np.isfinite(value) or value < -ROUNDING * scale:
        raise MetricError(f"the Fréchet distance came out as {value}: the features are unsound")
    return max(value, 0.0)
