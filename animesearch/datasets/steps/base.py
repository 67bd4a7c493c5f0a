"""What a cleaning step is: it judges by metadata, by one image, or over the whole set.

Steps act in the order of the space file.  An image that a step leaves out is not seen by those
after it; its reason is that of the first step that refuses it.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from typing_extensions import override

from animesearch.datasets.reasons import declare
from animesearch.datasets.sources.base import Item, Listing
from animesearch.registry import Registry, Spec

if TYPE_CHECKING:  # neither is needed to validate options
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

T = TypeVar("T", bound=Spec)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step leaves an image out: a code of its ``reasons``, and what exactly was found."""

    reason: str
    detail: str = ""


class StepSpec(Spec, abc.ABC):
    """Options of one cleaning step.

    ``reasons`` holds the codes that it refuses images with, each with its meaning in one line.
    """

    reasons: ClassVar[Mapping[str, str]] = {}

    def available(self) -> None:
        """Raises :class:`UnsupportedError` where this installation lacks what the step needs."""
        return

    def fits(self, listing: Listing) -> None:  # noqa: ARG002 - for those that override it
        """Raises :class:`DataError` where the step makes no sense for what is listed."""
        return


class MetadataStep(StepSpec):
    """Judges an item by what is known of it beside its pixels.

    Where only such steps stand before it, the images that it refuses are never read.
    """

    @abc.abstractmethod
    def judge(self, item: Item) -> Refusal | None:
        """Why the item is left out, or ``None``."""


class ImageStep(StepSpec):
    """Judges or changes one decoded image, before it is resized."""

    @abc.abstractmethod
    def apply(self, image: Image) -> Image | Refusal:
        """The image (RGB, of any size from 1 × 1 up), the image changed (RGB too), or a refusal.

        Depends on the pixels and the options only.
        """


class SetStep(StepSpec):
    """Judges images by comparing all that stand at its place in the order.

    Fingerprints are taken where the images are decoded; the verdict falls when all are there.
    """

    width: ClassVar[int]
    """Bytes of one fingerprint."""

    @abc.abstractmethod
    def fingerprint(self, image: Image) -> bytes:
        """``width`` bytes that depend on the pixels (RGB) and the options only."""

    @abc.abstractmethod
    def judge(self, prints_NW: NDArray[np.uint8], names: Sequence[str]) -> Mapping[int, Refusal]:
        """Which of N images are left out: their places (0..N-1) in name order, with refusals.

        ``prints_NW`` holds one fingerprint of W bytes a row.  Images that only a later step
        leaves out are among them.
        """


class StepRegistry(Registry[StepSpec]):
    """As :class:`Registry`; the reasons of a step become known with it."""

    @override
    def register(self, cls: type[T]) -> type[T]:
        """Class decorator; refuses what :class:`Registry` does, and reasons that clash."""
        registered = super().register(cls)
        if issubclass(cls, StepSpec):
            declare(cls.reasons)
        return registered


STEPS: Final = StepRegistry("cleaning step", StepSpec)
