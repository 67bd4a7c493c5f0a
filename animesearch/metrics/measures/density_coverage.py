"""Density and coverage by balls around the reals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.metrics.measures.base import MEASURES, MeasureSpec, Side, Value
from animesearch.metrics.measures.precision_recall import enough_images


@MEASURES.register
class DensityCoverage(MeasureSpec):
    """Density and coverage (Naeem 2020): less moved by outliers than precision and recall.

    Balls stand around the reals alone, each as large as the distance to the k-th nearest other
    real, its edge excluded as in the authors' program (identical sets then have density 1).
    A perfect generator has an expected density of 1, which has no upper limit, and with N reals and
    M fakes a coverage of 1 - Π_{i=1..k} (N - i) / (N + M - i), 0.97 for k = 5 and equal counts.
    """

    source: ClassVar[str] = "Naeem 2020, arXiv:2002.09797, equations 3 and 4"
    values: ClassVar[Mapping[str, Value]] = {
        "density": Value("higher", "reals' balls that a fake lies in, per k; about 1 is perfect"),
        "coverage": Value("higher", "share of the reals with a fake in their ball"),
    }

    name: Literal["density-coverage"] = "density-coverage"
    k: int = Field(5, ge=1, le=1000, description="nearest other reals that make a ball's radius")

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        import numpy as np

        from animesearch.metrics.neighbours import EDGE, tiles

        enough_images(self.name, self.k, real)
        radius_N = real.radii(self.k) * (1.0 - EDGE)
        hits, covered_N = 0, np.zeros(len(real), bool)
        for tile in tiles(fake.features_ND, real.features_ND):
            inside_RC = tile.squared_RC < radius_N[tile.columns]
            hits += int(inside_RC.sum())
            covered_N[tile.columns] |= inside_RC.any(axis=0)
        density = hits / (self.k * len(fake))
        return {"density": density, "coverage": float(covered_N.mean())}
