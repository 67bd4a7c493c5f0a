"""Vendi score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.errors import MetricError
from animesearch.metrics.measures.base import MEASURES, ROWS, MeasureSpec, Side, Value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

LIMIT = 10_000  # images of a Gaussian kernel: 800 MB


@MEASURES.register
class Vendi(MeasureSpec):
    """Vendi score (Friedman and Dieng 2023): the effective number of different fakes.

    The exponential of the entropy of the eigenvalues of the fakes' similarities, divided by
    their number: 1 where all are the same, N where none is like another.  Features are scaled
    to length 1.  The cosine has at most as many different images as features.
    """

    source: ClassVar[str] = "Friedman and Dieng 2023, arXiv:2210.02410, definition 3.1"
    values: ClassVar[Mapping[str, Value]] = {
        "vendi": Value("higher", "effective number of different fakes, 1 to their number")
    }
    needs_real: ClassVar[bool] = False

    name: Literal["vendi"] = "vendi"
    kernel: Literal["cosine", "rbf"] = Field(
        "cosine", description="similarity of two images; rbf: exp(-distance²/2σ²), 10000 at most"
    )
    bandwidth: float = Field(
        0.5, gt=0, le=100, description="σ of rbf, in units of the features scaled to length 1"
    )

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        unit_ND = _unit(fake.features_ND)
        if self.kernel == "cosine":
            return {"vendi": effective_number(_smaller_gram(unit_ND))}
        if len(fake) > LIMIT:
            raise MetricError(f"{self.name} with rbf takes at most {LIMIT} images, not {len(fake)}")
        return {"vendi": effective_number(_gaussian_kernel(unit_ND, self.bandwidth))}


def effective_number(kernel_NN: Array) -> float:
    """exp of the von Neumann entropy of a symmetric matrix scaled to trace 1 (overwritten)."""
    import numpy as np
    import scipy.linalg
    from scipy.special import xlogy

    kernel_NN /= np.trace(kernel_NN)
    shares_N = scipy.linalg.eigvalsh(kernel_NN, overwrite_a=True, check_finite=False)
    return float(np.exp(-xlogy(shares_N, np.clip(shares_N, 0.0, None))[shares_N > 0].sum()))


def _unit(x_ND: npt.NDArray[Any]) -> Array:
    import numpy as np

    unit_ND = x_ND.astype(np.float64)
    length_N = np.sqrt(np.einsum("nd,nd->n", unit_ND, unit_ND))
    if not length_N.all():
        raise MetricError(f"{int((length_N == 0).sum())} images have features that are all zero")
    unit_ND /= length_N[:, None]
    return unit_ND


def _smaller_gram(unit_ND: Array) -> Array:
    """Both Gram matrices have the same eigenvalues but for zeros."""
    gram: Array = unit_ND @ unit_ND.T if len(unit_ND) <= unit_ND.shape[1] else unit_ND.T @ unit_ND
    return gram


def _gaussian_kernel(unit_ND: Array, bandwidth: float) -> Array:
    """``exp(-|x - y|² / 2σ²)`` of unit rows, where ``|x - y|² = 2 - 2 x·y``."""
    import numpy as np

    kernel_NN: Array = unit_ND @ unit_ND.T
    for start in range(0, len(kernel_NN), ROWS):
        rows_RN = kernel_NN[start : start + ROWS]
        np.exp((rows_RN - 1.0) / bandwidth**2, out=rows_RN)
    return kernel_NN
