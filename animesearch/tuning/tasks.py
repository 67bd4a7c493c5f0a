"""Work that runs in Ray tasks beside the trials: importable functions of plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from animesearch.metrics.features import FeatureSpec
    from animesearch.metrics.statistics import RealStatistics


def measure_reals(folder: str, spec: FeatureSpec, device: str) -> RealStatistics:
    """Statistics of the packed set in ``folder``, from the user's cache where known."""
    from animesearch.datasets.packed import PackedDataset
    from animesearch.datasets.pipeline import default_cache
    from animesearch.metrics.statistics import real_statistics

    packed = PackedDataset.open(Path(folder))
    return real_statistics(
        packed.images_NCHW, spec, device, default_cache(), digest=packed.pixels_digest
    )


def rescore(
    checkpoint: str,
    spec: FeatureSpec,
    real: RealStatistics,
    samples: int,
    first_latent: int,
    device: str,
) -> float:
    """The distance of fresh samples of a checkpoint's generator to the reals.

    ``first_latent`` is the number of the first latent; the race used those below it.
    """
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.trainers.models import load_generator

    sampler = load_generator(Path(checkpoint), device).sampler
    evaluator = Evaluator(spec, real, samples, device)
    return evaluator.score(sampler, start=first_latent).value
