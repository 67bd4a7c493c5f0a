"""Work that runs in Ray tasks beside the trials: importable functions of plain values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from animesearch.plugins import Plugin, import_plugins

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
    device: str,
    plugins: Sequence[Plugin] = (),
) -> float:
    """The distance of ``samples`` fresh samples of a checkpoint's generator to the reals.

    Their latents follow those of the race, which used as many.  ``plugins`` are those that the
    checkpoint's configuration may name components of.
    """
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.trainers.models import load_generator

    import_plugins(plugins)
    sampler = load_generator(Path(checkpoint), device).sampler
    evaluator = Evaluator(spec, real, samples, device)
    return evaluator.score(sampler, start=samples).value
