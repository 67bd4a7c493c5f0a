"""The Fréchet distance at infinitely many fakes."""

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
class FrechetInfinity(MeasureSpec):
    """Fréchet distance extrapolated to infinitely many fakes (Chong and Forsyth 2020).

    Distances of random subsets of the fakes, of evenly spaced sizes, are fitted by a line in
    1/size; its value at 0 is given with its standard error in the fit.  The subsets overlap, so
    that error tells how straight the line is, not how another set of fakes would differ.  The
    bias by the number of *reals* stays.  May come out slightly below 0 for a perfect generator.

    The paper's smallest subset, a tenth, is for 50,000 fakes: with fewer fakes than features the
    distance bends over 1/size.  1,000 fakes over 1280 features (lite0, blurred faces; 1,849 at
    10,000 fakes, about 1,815 in the limit): 2,079 from a tenth, 1,816 from half; of 5,000 fakes
    1,823 from a tenth.
    """

    source: ClassVar[str] = "Chong and Forsyth 2020, arXiv:1911.07023, section 3"
    values: ClassVar[Mapping[str, Value]] = {
        "frechet_infinity": Value("lower", "Fréchet distance extrapolated to infinite samples"),
        "frechet_infinity_se": Value("none", "standard error of that extrapolation in its fit"),
    }

    name: Literal["frechet-infinity"] = "frechet-infinity"
    points: int = Field(15, ge=3, le=1000, description="number of subset sizes")
    least: int | None = Field(
        None, ge=2, description="images in the smallest subset; null: half of the fakes"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the subsets")

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        import numpy as np

        from animesearch.metrics.frechet import frechet_distance

        sizes_P = self._sizes(len(fake))
        rng = np.random.default_rng(self.seed)
        distances_P = np.array(
            [
                frechet_distance(real.gaussian(), fake.features_ND[_subset(rng, len(fake), size)])
                for size in sizes_P
            ]
        )
        value, error = at_infinity(sizes_P, distances_P)
        return {"frechet_infinity": value, "frechet_infinity_se": error}

    def _sizes(self, count: int) -> npt.NDArray[np.int64]:
        """Evenly spaced from ``least`` to all; at least 3 different ones."""
        import numpy as np

        least = self.least or max(2, count // 2)
        sizes_P = np.unique(np.linspace(least, count, self.points).astype(np.int64))
        if least > count or len(sizes_P) < 3:
            raise MetricError(
                f"{self.name} needs subsets of at least 3 sizes from {least} images up, "
                f"there are {count}"
            )
        return sizes_P


def at_infinity(
    sizes_P: npt.NDArray[np.int64], values_P: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Intercept and its standard error of the least-squares line of values (P,) over 1/size;
    P >= 3."""
    import numpy as np

    inverse_P = 1.0 / sizes_P
    step_P = inverse_P - inverse_P.mean()
    spread = float(step_P @ step_P)
    slope = float(step_P @ values_P) / spread
    intercept = float(values_P.mean() - slope * inverse_P.mean())
    residual_P = values_P - intercept - slope * inverse_P
    variance = float(residual_P @ residual_P) / (len(sizes_P) - 2)
    leverage = 1.0 / len(sizes_P) + float(inverse_P.mean()) ** 2 / spread
    return intercept, float(np.sqrt(variance * leverage))


def _subset(rng: np.random.Generator, count: int, size: int) -> npt.NDArray[np.int64]:
    chosen_N: npt.NDArray[np.int64] = rng.choice(count, size, replace=False)
    return chosen_N
