"""Precision and recall by manifolds of nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.errors import MetricError
from animesearch.metrics.measures.base import MEASURES, MeasureSpec, Side, Value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@MEASURES.register
class PrecisionRecall(MeasureSpec):
    """Precision and recall (Kynkäänniemi 2019): quality and variety apart.

    Each set's manifold is the union of balls around its images, each as large as the distance
    to the k-th nearest other image of the set (its edge included).  Both depend on the counts:
    compare at equal ones.
    """

    source: ClassVar[str] = "Kynkäänniemi 2019, arXiv:1904.06991, equations 1 and 2"
    values: ClassVar[Mapping[str, Value]] = {
        "precision": Value("higher", "share of the fakes within the manifold of the reals"),
        "recall": Value("higher", "share of the reals within the manifold of the fakes"),
        "f_score": Value("higher", "harmonic mean of precision and recall"),
    }

    name: Literal["precision-recall"] = "precision-recall"
    k: int = Field(3, ge=1, le=1000, description="nearest other images that make a ball's radius")

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        enough_images(self.name, self.k, real, fake)
        fake_covered, real_covered = _covered(real, fake, self.k)
        precision, recall = float(fake_covered.mean()), float(real_covered.mean())
        both = precision + recall
        f_score = 2.0 * precision * recall / both if both > 0 else 0.0
        return {"precision": precision, "recall": recall, "f_score": f_score}


def enough_images(name: str, k: int, *sides: Side) -> None:
    """Raises :class:`MetricError` unless each side has more than ``k`` images."""
    least = min(len(side) for side in sides)
    if least <= k:
        raise MetricError(f"{name} with k = {k} needs at least {k + 1} images, there are {least}")


def _covered(real: Side, fake: Side, k: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which fakes lie in a real's ball (M,), and which reals in a fake's (N,)."""
    import numpy as np

    from animesearch.metrics.neighbours import EDGE, tiles

    real_radius_N, fake_radius_M = (side.radii(k) * (1.0 + EDGE) for side in (real, fake))
    fake_covered_M, real_covered_N = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for tile in tiles(fake.features_ND, real.features_ND):
        in_real_RC = tile.squared_RC <= real_radius_N[tile.columns]
        in_fake_RC = tile.squared_RC <= fake_radius_M[tile.rows, None]
        fake_covered_M[tile.rows] |= in_real_RC.any(axis=1)
        real_covered_N[tile.columns] |= in_fake_RC.any(axis=0)
    return fake_covered_M, real_covered_N
