"""The floor of a metric: what a perfect generator would get at the same counts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from animesearch.errors import MetricError
from animesearch.files import write_json
from animesearch.metrics.features.base import FeatureNetwork, FeatureSpec, check_images
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import MomentStream
from animesearch.metrics.statistics import Images, features_of, identity_key, real_identity

LEAST = 4
"""Images that a floor needs: two in each half."""


def floor_distance(
    images_NCHW: Images,
    network: FeatureNetwork,
    samples: int,
    batch: int | None = None,
    seed: int = 0,
) -> float:
    """Fréchet distance between two disjoint halves of real images (N, C, H, W), N >= 4.

    One half, drawn with ``seed``, is the reference; of the other at most ``samples`` are taken, so
    that its count equals that of a score.  Small counts bias distances upward, the floor like the
    scores, and the reference here is half as large.
    Raises :class:`MetricError` for fewer images, and for halves without any spread.
    """
    check_images(images_NCHW.shape, str(images_NCHW.dtype))
    half = len(images_NCHW) // 2
    if half < LEAST // 2:
        raise MetricError(f"a floor needs at least {LEAST} images, there are {len(images_NCHW)}")
    order = np.random.default_rng(seed).permutation(len(images_NCHW))
    first, second = np.sort(order[:half]), np.sort(order[half:][:samples])
    reference = MomentStream()
    for features_BD in features_of(images_NCHW[first], network, batch):
        reference.add(features_BD)
    fakes_ND = np.concatenate([*features_of(images_NCHW[second], network, batch)])
    return frechet_distance(GaussianFactor.of(reference.moments()), fakes_ND)


def cached_floor(
    images_NCHW: Images,
    spec: FeatureSpec,
    samples: int,
    device: str,
    cache: Path,
    *,
    digest: str,
) -> float | None:
    """:func:`floor_distance`, from the cache where it is known; ``None`` for too few images.

    Cached as the statistics of the reals are, under their identity and the number of samples.
    """
    if len(images_NCHW) < LEAST:
        return None
    key = identity_key({**real_identity(spec, digest, images_NCHW.shape), "floor": samples})
    path = cache / "features" / f"{key}.floor.json"
    known = _known(path)
    if known is None:
        known = floor_distance(images_NCHW, spec.build(device), samples)
        write_json(path, {"floor": known})
    return known


def _known(path: Path) -> float | None:
    try:
        found = json.loads(path.read_bytes())["floor"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if isinstance(found, float) and math.isfinite(found) else None
