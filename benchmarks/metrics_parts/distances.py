"""What comes after the features: Fréchet distance, KID, precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from metrics_parts.common import (
    DIM,
    Bench,
    Finding,
    Seconds,
    Turns,
    against_torch_fidelity,
    faces,
    moments,
    peer_distance,
    stacked,
    tell,
    timed,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

REALS: Final = 5000
GOALS: Final = {1000: 50.0, 5000: 3.0}
LITE0_IMAGES: Final = 2000


def measures_part(bench: Bench) -> list[Finding]:  # noqa: ARG001 - parts are called alike
    """lite0 features of 2,000 images a side."""
    import numpy as np

    from animesearch.metrics.features import FEATURES
    from animesearch.metrics.statistics import features_of

    network = FEATURES.parse("lite0").build("cpu")
    features = {}
    for side, seed in {"real": 0, "fake": 1}.items():
        tell(f"lite0 features of {LITE0_IMAGES:,} {side} images")
        x_NHWC = stacked(faces(LITE0_IMAGES, seed, blurred=side == "fake"))
        features[side] = np.concatenate([*features_of(x_NHWC.transpose(0, 3, 1, 2), network)])
    return against_torch_fidelity("lite0", features)


def frechet_part(bench: Bench) -> list[Finding]:
    """The distance alone; the reals' side known beforehand, as in a search, and counted."""
    from animesearch.metrics.frechet import GaussianFactor, frechet_distance
    from animesearch.metrics.gaussian import Moments

    real_ND = drawn_features(REALS, 0.0, seed=0)
    prepared: list[Seconds] = []  # ours, theirs
    factor = timed(lambda: GaussianFactor.of(Moments.of(real_ND)), prepared)
    theirs = timed(lambda: moments(real_ND), prepared)
    found = []
    for count, goal in GOALS.items():
        fake_ND = drawn_features(count, 0.05, seed=count)
        own: list[Seconds] = []
        fake = timed(lambda x=fake_ND: moments(x), own)
        turns = Turns()
        for number in range(1, bench.repeat + 1):
            tell(f"Fréchet distance of {count:,} fakes, turn {number} of {bench.repeat}")
            here, there = turns.run(
                lambda x=fake_ND: frechet_distance(factor, x),
                lambda f=fake: peer_distance(*f, *theirs),
            )
        remark = f"; values differ by {abs(here - there) / there:.0e}"
        what = f"Fréchet distance, {count:,} fakes × {DIM}, against pytorch-fid"
        found += [turns.finding(what, goal, "processor", remark), _whole(turns, prepared, own)]
    return found


def _whole(turns: Turns, prepared: list[Seconds], own: list[Seconds]) -> Finding:
    """With what is done once for the reals, and pytorch-fid's means and covariances."""
    ours, theirs = turns.medians("processor")
    ours += prepared[0].processor
    theirs += prepared[1].processor + own[0].processor
    what = f"the same with the {REALS:,} reals' side counted"
    text = f"{ours:.3g} s against {theirs:.3g} s (processor), from features to the distance"
    return Finding(what, theirs / ours, None, True, text)


def drawn_features(count: int, shift: float, seed: int) -> npt.NDArray[np.float32]:
    """Like pooled features: not negative, mixed, of variances that fall as 1 / k (N, 2048)."""
    import numpy as np

    mixing_DD = np.random.default_rng(7).normal(0, 0.05, (DIM, DIM))
    mixing_DD *= np.arange(1, DIM + 1)[:, None] ** -0.5
    drawn_ND = np.random.default_rng(seed).normal(0, 1, (count, DIM)) @ mixing_DD
    return np.maximum(drawn_ND + 0.3 + shift, 0.0).astype(np.float32)
