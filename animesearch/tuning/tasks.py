"""Work that runs in Ray tasks beside the trials: importable functions of plain values."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from animesearch.plugins import Plugin, import_plugins

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from animesearch.datasets.shared import PackedAt
    from animesearch.metrics.features import FeatureSpec
    from animesearch.metrics.memorisation import References
    from animesearch.metrics.reals import RealImages, Reals
    from animesearch.metrics.statistics import RealStatistics
    from animesearch.tuning.trialfiles import Held

    Images: TypeAlias = npt.NDArray[np.uint8] | PackedAt
    """All images of a packed set: the array itself, out of the object store, or its place."""


MARKS = 50
"""Times at which :func:`measure_reals` tells how far it is."""


class Passing(NamedTuple):
    """How images become features: ``batch`` at once through the network of ``spec`` on ``device``
    (None: what suits it)."""

    spec: FeatureSpec
    device: str = "cpu"
    batch: int | None = None


def measure_reals(
    images: Images, digest: str, passing: Passing, samples: Collection[int]
) -> Generator[int | Reals]:
    """At fixed marks how many packed images are done; at last their statistics, and the floors at
    these numbers of samples.

    From the user's cache where ``digest`` is known.  How often it yields depends on the number of
    images alone: Ray repeats a task whose process was lost, and wants as many objects as before.
    """
    reals = real_images(images, digest, passing)
    count = len(reals.images_NCHW)
    marks = deque(sorted({count * part // MARKS for part in range(1, MARKS)} - {0}))
    for found in reals.measured(samples):
        done = found if isinstance(found, int) else count
        while marks and marks[0] <= done:
            yield marks.popleft()
    yield found


def real_images(images: Images, digest: str, passing: Passing) -> RealImages:
    """The packed images, with what the user's cache knows of their features."""
    from animesearch.metrics.reals import RealImages
    from animesearch.storage.cache import default_cache

    return RealImages(
        opened(images), passing.spec, digest, passing.device, default_cache(), passing.batch
    )


def opened(images: Images) -> npt.NDArray[np.uint8]:
    """The packed images (N, C, H, W), wherever this runs."""
    from animesearch.datasets.shared import PackedAt

    return images.open().images_NCHW if isinstance(images, PackedAt) else images


class Fresh(NamedTuple):
    """A score on fresh samples: its standard error, and the memorisation gap, if any."""

    score: float
    noise: float | None
    memorisation: float | None


def measure_references(
    images: Images, digest: str, passing: Passing, training: int
) -> References | None:
    """The first ``training`` images and the held-out ones, as the memorisation gap needs them."""
    from animesearch.metrics.memorisation import references

    found = real_images(images, digest, passing)
    return references(training, len(found.images_NCHW) - training, found.features)


class Yardstick(NamedTuple):
    """What fresh samples are measured by; ``references`` where images were held out."""

    passing: Passing
    real: RealStatistics
    references: References | None = None


def rescore(
    checkpoint: Held, yardstick: Yardstick, latents: range, plugins: Sequence[Plugin] = ()
) -> Fresh:
    """The distance of a checkpoint's samples of the numbered ``latents`` to the reals.

    ``plugins`` are those that the checkpoint's configuration may name components of.
    """
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.trainers.models import load_generator

    import_plugins(plugins)
    spec, device, batch = yardstick.passing
    sampler = load_generator(checkpoint.here(), device).sampler
    evaluator = Evaluator(spec, yardstick.real, len(latents), device, batch)
    found = evaluator.score(sampler, start=latents.start, keep_features=True)
    gap = None
    if yardstick.references is not None and found.features_ND is not None:
        gap = yardstick.references.gap(found.features_ND)
    return Fresh(found.value, found.noise, gap)


class Near(NamedTuple):
    """Of each sample the number of the nearest training image, and its distance."""

    index_M: npt.NDArray[np.int64]
    distance_M: npt.NDArray[np.float64]


def find_nearest(
    images: Images,
    digest: str,
    passing: Passing,
    fakes_MCHW: npt.NDArray[np.uint8],
    places: range,
) -> Near:
    """Among the packed images ``places``, read as they come where their features are not kept."""
    import numpy as np

    from animesearch.metrics.neighbours import nearest_in_parts
    from animesearch.metrics.statistics import features_of

    spec, device, batch = passing
    fakes_MD = np.concatenate(list(features_of(fakes_MCHW, spec.build(device), batch)))
    parts = real_images(images, digest, passing).parts(places)
    index_M, distance_M = nearest_in_parts(parts, fakes_MD)
    return Near(places.start + places.step * index_M, distance_M)
