"""Distances to the nearest training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from typing_extensions import override

from animesearch.metrics.measures.base import MEASURES, MeasureSpec, Side, Value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]


@MEASURES.register
class Nearest(MeasureSpec):
    """Distance of the fakes to their nearest training images: does the generator copy?

    A small distance alone is no sign of it, good fakes are near too.  Held-out reals tell how
    near an image is that was not copied: with them the Mann-Whitney test of data-copying
    (Meehan 2020, here over the whole space, not cell by cell) compares both sets of distances.
    Near duplicates that fell on both sides of the split hide copying.
    """

    source: ClassVar[str] = "Meehan 2020, arXiv:2004.05675, section 3"
    values: ClassVar[Mapping[str, Value]] = {
        "nearest_median": Value("none", "median distance of a fake to the nearest training image"),
        "nearest_p5": Value("none", "5th percentile of those distances: the most alike"),
        "nearest_closer": Value(
            "lower",
            "chance that a fake is nearer to the training set than a held-out real is; "
            "0.5 or less: no copying",
            held=True,
        ),
        "nearest_z": Value(
            "none", "z-score of the distances against held-out reals'; below -3: copying", held=True
        ),
    }

    name: Literal["nearest"] = "nearest"

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        import numpy as np

        from animesearch.metrics.neighbours import nearest_reals

        fake_M = nearest_reals(real.features_ND, fake.features_ND)[1]
        median, low = np.quantile(fake_M, [0.5, 0.05])
        found = {"nearest_median": float(median), "nearest_p5": float(low)}
        if held is not None:
            held_H = nearest_reals(real.features_ND, held.features_ND)[1]
            closer, z = data_copying(fake_M, held_H)
            found |= {"nearest_closer": closer, "nearest_z": z}
        return found


def data_copying(fake_M: Array, held_H: Array) -> tuple[float, float]:
    """Mann-Whitney test of distances (M,) and (H,) to the training set.

    Gives the chance that a fake is the nearer of the two (ties count half), and the z-score
    ``(U - MH/2) / sd(U)`` with the variance corrected for ties; negative: the fakes are nearer
    than held-out reals are.  0.5 and 0 where all distances are the same.
    """
    import numpy as np

    fakes, helds = len(fake_M), len(held_H)
    both = fakes + helds
    _, place_B, ties = np.unique(
        np.concatenate([fake_M, held_H]), return_inverse=True, return_counts=True
    )
    rank_B = (np.cumsum(ties) - (ties - 1) / 2.0)[place_B]  # from 1, tied ones share their mean
    larger = float(rank_B[:fakes].sum()) - fakes * (fakes + 1) / 2.0
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (both * (both - 1.0))
    variance = fakes * helds / 12.0 * (both + 1.0 - tied)
    step = larger - fakes * helds / 2.0
    z = step / float(np.sqrt(variance)) if variance > 0 else 0.0
    return 1.0 - larger / (fakes * helds), z
