"""The Fréchet distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from typing_extensions import override

from animesearch.metrics.measures.base import MEASURES, MeasureSpec, Side, Value


@MEASURES.register
class Frechet(MeasureSpec):
    """Fréchet distance (Heusel 2017): the distance of two Gaussians fitted to the features."""

    source: ClassVar[str] = "Dowson and Landau 1982; Heusel 2017, arXiv:1706.08500, equation 6"
    values: ClassVar[Mapping[str, Value]] = {
        "frechet": Value(
            "lower", "distance of Gaussians fitted to both; with Inception features it is the FID"
        )
    }

    name: Literal["frechet"] = "frechet"

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        from animesearch.metrics.frechet import frechet_distance

        return {"frechet": frechet_distance(real.gaussian(), fake.features_ND)}
