"""``animesearch evaluate``: images, or a run's generator, against real ones; without any search."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from animesearch.datasets.config import DatasetConfig
from animesearch.errors import MetricError, RunFolderError, UnsupportedError, UserError
from animesearch.metrics.config import Choice, MetricConfig, choose_features
from animesearch.metrics.measures import MEASURES, MeasureSpec, measure_all, promised
from animesearch.results.opening import is_run
from animesearch.tuning.datajobs import dataset_of

if TYPE_CHECKING:
    from animesearch.datasets.kinds import ResizePolicy, Rgb
    from animesearch.datasets.sources import Item, SourceSpec
    from animesearch.datasets.sources.base import Listing
    from animesearch.metrics.collect import Numbered
    from animesearch.metrics.features.base import FeatureNetwork, FeatureSpec
    from animesearch.metrics.measures import Side
    from animesearch.results.folder import RunFolder
    from animesearch.results.stages import Stage
    from animesearch.trainers.models import TrainedGenerator

USUAL = ("frechet", "kid", "precision-recall", "density-coverage")
SAMPLES = 10_000
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    ``images`` is a run folder or a source of images, ``against`` and ``held`` are sources of
    reals, the second of such that the generator never saw.  ``measures`` are names, or ``all``.
    With a ``size`` every image is made square first, as a search does it: by ``resize``, by default
    as the run did it, else stretched.  Of fewer ``samples`` than there are images those are read
    that are evenly spaced by name: classes stand in folders.
    """

    images: str
    against: str
    held: str | None = None
    features: str = "auto"
    policy: str | None = None
    measures: tuple[str, ...] = USUAL
    samples: int | None = None
    size: int | None = None
    resize: ResizePolicy | None = None
    trial: str | None = None
    first: int = 0
    batch: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """The numbers, and what they rest on; plain JSON by :meth:`as_dict`."""

    values: dict[str, float]
    directions: dict[str, str]
    meanings: dict[str, str]
    metric: str
    features: dict[str, object]
    resize: str
    counts: dict[str, int]
    size: int | None
    reason: str
    seconds: float
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class _Square:
    """How images are made equal before any feature network sees them."""

    size: int | None
    resize: ResizePolicy
    background: Rgb
    channels: int

    @classmethod
    def by(cls, options: DatasetConfig, size: int | None, resize: ResizePolicy | None) -> _Square:
        """As these options make images, or by another ``resize``."""
        return cls(size, resize or options.resize, options.background, options.channels)

    @property
    def drawn(self) -> int:
        """The size at which sources that draw are to do it."""
        return self.size or DatasetConfig().size

    def keeps(self, shape: tuple[int, ...]) -> bool:
        """Whether images of this shape (N, C, H, W) stay as they are; grey ones have the features
        of their three equal channels."""
        _, channels, height, width = shape
        return self.size in {None, height} and height == width and channels in {1, self.channels}


def evaluate(request: Request, cache: Path, progress: Stage) -> Evaluation:
    """All numbers of the request.

    Raises :class:`UserError` and its kin for images, names and weights that are not there, and
    for images that have no finite numbers.
    """
    began = time.monotonic()
    choice = _features(request)
    specs = chosen_measures(request.measures, choice.spec.logits)
    values = promised(specs, request.held is not None)
    device = _device()
    work = _Work(choice.spec, choice.spec.build(device), request, cache, progress)
    fake, square = work.fakes(device)
    real = work.reals("real images", request.against, square)
    held = work.reals("held-out images", request.held, square) if request.held else None
    progress("measures", 0, 1)
    with _told("these images have no numbers"):
        found = measure_all(specs, real, fake, held)
    progress("measures", 1, 1)
    return Evaluation(
        values=found,
        directions={name: values[name].direction for name in found},
        meanings={name: values[name].meaning for name in found},
        metric=choice.spec.metric_name,
        features=choice.spec.identity(),
        resize=choice.spec.resize,
        counts={
            "images": len(fake),
            "against": len(real),
            **({} if held is None else {"held": len(held)}),
        },
        size=square.size,
        reason=choice.reason,
        seconds=time.monotonic() - began,
        left_out=work.left_out,
    )


def chosen_measures(names: Sequence[str], logits: bool) -> list[MeasureSpec]:
    """The measures with their default options; ``all`` are those that the features allow.

    Raises :class:`UnknownNameError` with the allowed names, :class:`UnsupportedError` for a
    measure that needs logits where the features have none.
    """
    allowed = [spec.component_name() for spec in MEASURES if logits or not spec.needs_logits]
    if [*names] == ["all"]:
        names = allowed
    chosen = [MEASURES.get(name).model_validate({}) for name in names]
    for spec in chosen:
        if spec.needs_logits and not logits:
            raise UnsupportedError(
                f"{spec.component_name()} needs logits, which these features lack; use features "
                f"with logits (list features), or other measures: {', '.join(allowed)}"
            )
    return chosen


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What is wrong with somebody's images is told as any other mistake is."""
    try:
        yield
    except MetricError as error:
        raise UserError(f"{what}: {error}") from error


def _features(request: Request) -> Choice:
    options: dict[str, object] = {"name": request.features}
    if request.policy is not None:
        options["policy"] = request.policy
    if request.features == "auto" and request.policy is not None:
        raise UserError("--policy needs --features: policies belong to a feature network")
    try:
        config = MetricConfig.model_validate({"features": options})
    except ValidationError as error:
        fault = error.errors()[0]
        said = f"--policy '{request.policy}'" if "policy" in fault["loc"] else "--features"
        raise UserError(f"{said}: {fault['msg']}") from None
    return choose_features(config, gpu=_device() != "cpu")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class _Work:
    """The passes over the images of one request."""

    def __init__(
        self,
        spec: FeatureSpec,
        network: FeatureNetwork,
        request: Request,
        cache: Path,
        progress: Stage,
    ) -> None:
        self._spec, self._network, self._request = spec, network, request
        self._cache, self._progress = cache, progress
        self.left_out: dict[str, dict[str, int]] = {}

    def fakes(self, device: str) -> tuple[Side, _Square]:
        """Features of what is judged, and how the reals are to be made like it."""
        request = self._request
        if is_run(request.images):
            return self._drawn(*_generator(request, device))
        if request.trial is not None:
            raise UserError(f"--trial needs a run folder; '{request.images}' is none")
        square = _Square.by(DatasetConfig(), request.size, request.resize)
        spec, listing = self._listing(request.images)
        listing = replace(listing, items=evenly(listing.items, request.samples))
        return self._pass("images", spec, listing, square), square

    def reals(self, stage: str, source: str, square: _Square) -> Side:
        """Features of real images, read where they are kept."""
        from animesearch.metrics.kept import kept_path, recall
        from animesearch.metrics.measures import Side
        from animesearch.metrics.statistics import real_identity

        spec, listing = self._listing(source)
        packed = spec.packed_pixels()
        if packed is not None and square.keeps(packed.shape):  # a search over them keeps the same
            listing = _in_rows(listing)
            identity = real_identity(self._spec, *packed)
        else:
            identity = kept_identity(self._spec, listing, square)
        path = kept_path(self._cache, identity)
        known = recall(path, identity)
        if known is None:
            side = self._pass(stage, spec, listing, square, logits=False)
            self._keep(stage, path, identity, side)
            return side
        count = len(listing.items)
        self._progress(f"features of the {stage}", count, count)
        self.left_out[stage] = dict(known.notes.get("left out", {}))
        return Side(known.features_ND)

    def _keep(self, stage: str, path: Path, identity: dict[str, Any], side: Side) -> None:
        """Unless files changed while they were read: another time they may not."""
        from animesearch.datasets.blocks import CHANGED
        from animesearch.metrics.kept import few_enough, keep, warn_of_size

        if not few_enough(len(side), side.dim):
            warn_of_size(len(side), side.dim)
        elif CHANGED not in self.left_out[stage]:
            keep(path, identity, side.features_ND, {"left out": self.left_out[stage]})

    def _drawn(self, trained: TrainedGenerator, options: DatasetConfig) -> tuple[Side, _Square]:
        from animesearch.metrics.collect import collect

        request = self._request
        if request.size not in (None, trained.size):
            raise UserError(f"the run draws {trained.size} px, so --size {request.size} is none")
        count = request.samples or SAMPLES

        def images() -> Iterator[Numbered]:
            for start in range(0, count, 256):
                x_BCHW = trained.sampler(request.first + start, min(256, count - start))
                yield from enumerate(x_BCHW.cpu().numpy(), start=start)

        def tell(done: int) -> None:
            self._progress("drawn images", done, count)

        with _told("the drawn images"):
            side = collect(self._network, images(), request.batch, tell)
        return side, _Square.by(options, trained.size, request.resize)

    def _listing(self, source: str) -> tuple[SourceSpec, Listing]:
        from animesearch.datasets.memory import FileMemory

        spec = dataset_of(source).source.located()
        return spec, spec.listing(FileMemory(self._cache / "seen"), self._progress)

    def _pass(
        self, stage: str, spec: SourceSpec, listing: Listing, square: _Square, logits: bool = True
    ) -> Side:
        from animesearch.metrics.collect import collect

        dropped: Counter[str] = Counter(str(drop.reason) for drop in listing.refused)

        def tell(done: int) -> None:
            self._progress(f"features of the {stage}", done, len(listing.items))

        images = decoded(spec, listing.items, square, dropped)
        try:
            with _told(f"the {stage} ({spec.describe()})"):
                return collect(self._network, images, self._request.batch, tell, logits=logits)
        finally:
            self.left_out[stage] = dict(sorted(dropped.items()))


def kept_identity(features: FeatureSpec, listing: Listing, square: _Square) -> dict[str, Any]:
    """What the features of a source's images depend on: the files' content in the order of their
    names, and how they become pixels."""
    from animesearch.datasets.config import PIPELINE_VERSION
    from animesearch.metrics.statistics import real_identity

    side = square.size or 0
    content = hashlib.sha256("\n".join(item.sha256 for item in listing.items).encode())
    refused = sorted(Counter(str(drop.reason) for drop in listing.refused).items())
    shape = (len(listing.items), square.channels, side, side)
    return {
        **real_identity(features, content.hexdigest(), shape),
        "pipeline": PIPELINE_VERSION,
        "square": square.resize if side else None,
        **({} if square.background == WHITE else {"background": list(square.background)}),
        "drawn": square.drawn if listing.draws else None,
        "refused": refused,
    }


def decoded(
    spec: SourceSpec, items: Sequence[Item], square: _Square, dropped: Counter[str]
) -> Iterator[Numbered]:
    """The images that can be used, with their places; ``dropped`` counts the reasons of others."""
    from PIL import Image

    from animesearch.datasets.blocks import CHANGED
    from animesearch.datasets.decode import decode_image
    from animesearch.datasets.reasons import Dropped
    from animesearch.datasets.resize import resize
    from animesearch.datasets.sources.base import Drawn

    for item, payload in spec.read(items, square.drawn):
        image: Image.Image | Dropped
        if isinstance(payload, Drawn):
            image = Image.fromarray(payload.pixels)
            image = image.convert("L") if square.channels == 1 else image
        elif payload is None or hashlib.sha256(payload).hexdigest() != item.sha256:
            image = Dropped(item.name, CHANGED)
        else:
            image = decode_image(
                payload, channels=square.channels, background=square.background, name=item.name
            )
        if isinstance(image, Dropped):
            dropped[str(image.reason)] += 1
            continue
        if square.size is not None:
            image = resize(image, square.size, square.resize, square.background)
        yield item.index, _chw(np.asarray(image))


def _chw(image: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))


def evenly(items: Sequence[Item], most: int | None) -> tuple[Item, ...]:
    """At most so many of the items, as far apart as each other; all for None."""
    count = len(items) if most is None else min(most, len(items))
    return tuple(items[place * len(items) // count] for place in range(count))


def _in_rows(listing: Listing) -> Listing:
    """In the order of their rows, not of their names: a set with held-out images has them last."""
    ordered = sorted(listing.items, key=lambda item: item.offset)
    return replace(listing, items=tuple(replace(item, index=item.offset) for item in ordered))


def _generator(request: Request, device: str) -> tuple[TrainedGenerator, DatasetConfig]:
    """The generator, and how the images that it learnt from became square."""
    from animesearch.trainers.generate import faults_told, find_checkpoint, open_run
    from animesearch.trainers.models import load_generator

    folder = open_run(request.images)
    chosen, checkpoint = find_checkpoint(folder, request.trial)
    with faults_told(chosen):
        trained = load_generator(checkpoint, device)
    return trained, _made_square(folder, trained.channels)


def _made_square(folder: RunFolder, channels: int) -> DatasetConfig:
    """The recorded options that say how images become square, all others as by default."""
    recorded = folder.info().dataset.get("options")
    known = recorded if isinstance(recorded, dict) else {}
    told = {name: known[name] for name in ("resize", "background") if name in known}
    try:
        return DatasetConfig.model_validate({**told, "channels": channels})
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise RunFolderError(f"run.json does not say how images became square: {said}") from None
