"""Memorisation, as the gap between two distances: to what was trained on, and to what was not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.metrics.features.base import FeatureNetwork
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import MomentStream
from animesearch.metrics.statistics import Images, features_of

LEAST = 2
"""Held-out images that a gap needs."""


@dataclass(frozen=True)
class References:
    """Gaussians of equally many training images and held-out ones.

    At equal counts their biases are equal, and go out in the difference.
    """

    trained: GaussianFactor
    held: GaussianFactor

    def gap(self, fakes_ND: npt.NDArray[Any]) -> float:
        """Distance of the fakes to the held-out images minus that to the training images.

        In units of the metric; about 0 for a generator that has learnt the distribution, above 0
        for one that stands nearer to what it has seen.  Raises as :func:`frechet_distance`.
        """
        return frechet_distance(self.held, fakes_ND) - frechet_distance(self.trained, fakes_ND)


def references(
    trained_NCHW: Images, held_NCHW: Images, network: FeatureNetwork, seed: int = 0
) -> References | None:
    """Of all held-out images, or as many as there are for training, drawn with ``seed``.

    ``None`` where fewer than :data:`LEAST` are held out.
    """
    count = min(len(trained_NCHW), len(held_NCHW))
    if count < LEAST:
        return None
    rng = np.random.default_rng(seed)
    sides = (np.sort(rng.permutation(len(side))[:count]) for side in (trained_NCHW, held_NCHW))
    trained, held = sides
    return References(
        _gaussian(features_of(trained_NCHW[trained], network)),
        _gaussian(features_of(held_NCHW[held], network)),
    )


def _gaussian(parts: Iterable[npt.NDArray[np.float32]]) -> GaussianFactor:
    moments = MomentStream()
    for features_BD in parts:
        moments.add(features_BD)
    return GaussianFactor.of(moments.moments())
