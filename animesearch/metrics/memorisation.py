"""Memorisation, as the gap between two distances: to what was trained on, and to what was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import NoSpreadError
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.kept import Features, Rows

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
    training: int, held: int, features: Callable[[Rows], Features], seed: int = 0
) -> References | None:
    """Of all held-out images, or as many as there are for training, drawn with ``seed``.

    ``features`` gives those of the images at some places, of which the first ``training`` are for
    training and the next ``held`` are held out.  ``None`` where fewer than :data:`LEAST` are.
    Raises :class:`NoSpreadError` where all of either kind are the same image.
    """
    count = min(training, held)
    if count < LEAST:
        return None
    rng = np.random.default_rng(seed)
    trained_C, held_C = (np.sort(rng.permutation(size)[:count]) for size in (training, held))
    features_ND = features(np.concatenate([trained_C, training + held_C]))
    return References(
        _fitted("training", features_ND[:count]), _fitted("held-out", features_ND[count:])
    )


def _fitted(kind: str, features_ND: Features) -> GaussianFactor:
    try:
        return GaussianFactor.fitted(features_ND)
    except NoSpreadError as error:
        raise NoSpreadError(f"the {kind} images: {error}") from None
