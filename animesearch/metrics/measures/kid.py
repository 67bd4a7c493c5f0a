"""Kernel Inception distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.metrics.measures.base import MEASURES, ROWS, MeasureSpec, Side, Value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Features = npt.NDArray[Any]
    Subsets = npt.NDArray[np.int64]


@MEASURES.register
class Kid(MeasureSpec):
    """Kernel Inception distance (Bińkowski 2018): unbiased MMD² with a cubic kernel.

    The mean and the standard deviation over random subsets.  Unlike the Fréchet distance it is
    not biased by the number of images, and may come out slightly below 0.  The subsets are those
    of torch-fidelity at the same seed where neither side has fewer images than ``size``.
    """

    source: ClassVar[str] = "Bińkowski 2018, arXiv:1801.01401, section 4"
    values: ClassVar[Mapping[str, Value]] = {
        "kid": Value("lower", "unbiased squared MMD with a cubic kernel, mean over subsets"),
        "kid_sd": Value("none", "standard deviation of the KID over subsets"),
    }

    name: Literal["kid"] = "kid"
    subsets: int = Field(100, ge=1, le=1000, description="number of random subsets")
    size: int = Field(
        1000, ge=2, le=10_000, description="images per subset; the smaller side's if it has fewer"
    )
    seed: int = Field(2020, ge=0, lt=2**32, description="seed of the subsets")

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        size = min(self.size, len(real), len(fake))
        real_SM, fake_SM = self._draw(len(real), len(fake), size)
        x_ND, y_ND = real.features_ND, fake.features_ND
        pairs = size * (size - 1.0)
        within_S = (_inner_sums(x_ND, real_SM) + _inner_sums(y_ND, fake_SM)) / pairs
        mmd_S = within_S - 2.0 * _sums(x_ND, y_ND, real_SM, fake_SM) / size**2
        return {"kid": float(mmd_S.mean()), "kid_sd": float(mmd_S.std())}

    def _draw(self, reals: int, fakes: int, size: int) -> tuple[Subsets, Subsets]:
        """Rows of all subsets (S, M) of both sides, in torch-fidelity's order: fakes first."""
        import numpy as np

        rng = np.random.RandomState(self.seed)
        pairs = [
            (rng.choice(fakes, size, replace=False), rng.choice(reals, size, replace=False))
            for _ in range(self.subsets)
        ]
        fake_SM, real_SM = (np.stack(rows) for rows in zip(*pairs, strict=True))
        return real_SM, fake_SM


def _inner_sums(x_ND: Features, rows_SM: Subsets) -> Array:
    """Sum of the kernel over all pairs of different images within each subset (S,)."""
    import numpy as np

    lengths_N = np.array([np.square(x_D, dtype=np.float64).sum() for x_D in x_ND])
    diagonal_N = _cubic(lengths_N, x_ND.shape[1])
    return _sums(x_ND, x_ND, rows_SM, rows_SM) - diagonal_N[rows_SM].sum(axis=1)


def _sums(x_ND: Features, y_ND: Features, x_SM: Subsets, y_SM: Subsets) -> Array:
    """Sum of the kernel over all pairs of each pair of subsets (S,).

    The whole kernel matrix once, where it is smaller than those of all subsets together.
    """
    import numpy as np

    if len(x_ND) * len(y_ND) <= x_SM.size * y_SM.shape[1]:
        return _weighted(x_ND, y_ND, _members(x_SM, len(x_ND)), _members(y_SM, len(y_ND)))
    one_1M = np.ones((1, x_SM.shape[1]))
    return np.array(
        [
            _weighted(x_ND[x_M], y_ND[y_M], one_1M, one_1M)[0]
            for x_M, y_M in zip(x_SM, y_SM, strict=True)
        ]
    )


def _weighted(x_ND: Features, y_ND: Features, x_SN: Array, y_SN: Array) -> Array:
    """Sum of the kernel over all pairs, each by the product of its weights (S,), tile by tile."""
    import numpy as np

    total_S = np.zeros(len(x_SN))
    for start in range(0, len(x_ND), ROWS):
        x_RD = np.asarray(x_ND[start : start + ROWS], dtype=np.float64)
        for first in range(0, len(y_ND), ROWS):
            y_RD = np.asarray(y_ND[first : first + ROWS], dtype=np.float64)
            kernel_RR = _cubic(x_RD @ y_RD.T, x_ND.shape[1])
            part_SR = x_SN[:, start : start + ROWS] @ kernel_RR
            total_S += np.einsum("sr,sr->s", part_SR, y_SN[:, first : first + ROWS])
    return total_S


def _cubic(product: Array, dim: int) -> Array:
    """``(x·y / d + 1)³`` (equation 4 of the paper)."""
    base = product / dim + 1.0
    return base * base * base


def _members(rows_SM: Subsets, count: int) -> Array:
    """1 where an image (of ``count``) is in the subset, else 0 (S, N)."""
    import numpy as np

    member_SN = np.zeros((len(rows_SM), count))
    np.put_along_axis(member_SN, rows_SM, 1.0, axis=1)
    return member_SN
