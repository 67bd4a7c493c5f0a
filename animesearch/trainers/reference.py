"""Reals that the diversity of samples is compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from animesearch.errors import DataError
from animesearch.metrics.signals import diversity
from animesearch.trainers.setting import BatchSource
from animesearch.trainers.trial import pixels

PROBES = 64
"""Fixed latents whose diversity is watched, and as many reals to compare with."""
FEWEST = 8
"""Reals that the diversity of samples is compared with, at least."""


def first_reals(data: BatchSource) -> npt.NDArray[np.uint8]:
    """The first batch; where it alone has fewer than :data:`FEWEST` images, those after it too."""
    batches = [data(0)]
    while (images := sum(map(len, batches))) < FEWEST:
        batches.append(data(images))
    return np.concatenate(batches)


def reference_diversity(x_BCHW: npt.NDArray[np.uint8]) -> tuple[int, float]:
    """How many samples to probe, at most :data:`PROBES`, and the diversity of as many reals.

    Repeated images count once: ``x_BCHW`` may be more than the data.  Raises :class:`DataError` for
    fewer than two different images.
    """
    _, first = np.unique(x_BCHW.reshape(len(x_BCHW), -1), axis=0, return_index=True)
    if len(first) < 2:
        raise DataError(f"all of the first {len(x_BCHW)} real images are the same")
    reals_BCHW = pixels(x_BCHW[np.sort(first)[:PROBES]])
    return len(reals_BCHW), diversity(reals_BCHW)
