"""Work that runs in Ray tasks beside the trials: importable functions of plain values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from animesearch.plugins import Plugin, import_plugins

if TYPE_CHECKING:
    from animesearch.metrics.features import FeatureSpec
    from animesearch.metrics.memorisation import References
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


def measure_floor(folder: str, spec: FeatureSpec, samples: int, device: str) -> float | None:
    """The floor of the packed set in ``folder``, from the user's cache where known."""
    from animesearch.datasets.packed import PackedDataset
    from animesearch.datasets.pipeline import default_cache
    from animesearch.metrics.floor import cached_floor

    packed = PackedDataset.open(Path(folder))
    digest, cache = packed.pixels_digest, default_cache()
    return cached_floor(packed.images_NCHW, spec, samples, device, cache, digest=digest)


class Fresh(NamedTuple):
    """A score on fresh samples: its standard error, and the memorisation gap, if any."""

    score: float
    noise: float | None
    memorisation: float | None


def measure_references(folder: str, spec: FeatureSpec, device: str) -> References | None:
    """Training and held-out images of the packed set, as the memorisation gap needs them."""
    from animesearch.datasets.packed import PackedDataset
    from animesearch.metrics.memorisation import references

    packed = PackedDataset.open(Path(folder))
    return references(packed.train_images, packed.heldout_images, spec.build(device))


class Yardstick(NamedTuple):
    """What fresh samples are measured by; ``references`` where images were held out."""

    spec: FeatureSpec
    real: RealStatistics
    references: References | None = None


def rescore(
    checkpoint: str,
    yardstick: Yardstick,
    latents: range,
    device: str,
    plugins: Sequence[Plugin] = (),
) -> Fresh:
    """The distance of a checkpoint's samples of the numbered ``latents`` to the reals.

    ``plugins`` are those that the checkpoint's configuration may name components of.
    """
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.trainers.models import load_generator

    import_plugins(plugins)
    sampler = load_generator(Path(checkpoint), device).sampler
    evaluator = Evaluator(yardstick.spec, yardstick.real, len(latents), device)
    found = evaluator.score(sampler, start=latents.start, keep_features=True)
    gap = None
    if yardstick.references is not None and found.features_ND is not None:
        gap = yardstick.references.gap(found.features_ND)
    return Fresh(found.value, found.noise, gap)
