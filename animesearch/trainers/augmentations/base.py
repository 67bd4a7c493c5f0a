"""What every augmentation offers: a change of reals and fakes alike before D sees them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    from torch import Tensor


class Augmentation(ABC):
    """Differentiable by the images.

    Random numbers come from torch's global state: those per image from the CPU's, those per pixel
    from that of the images' device.
    """

    @abstractmethod
    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """Images in [-1, 1] of any size and 1 or 3 channels, changed; the same shape and type."""

    def observe(self, real_B: Tensor, threshold: float, images: int) -> None:  # noqa: B027
        """D's raw outputs on a batch of augmented reals, after each update of D.

        ``threshold`` is the loss's boundary between real and fake (0 where it has none);
        ``images`` the number of reals of the step.
        """

    def state(self) -> dict[str, Tensor]:
        """What a later process needs to go on; empty where nothing is remembered."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take over a :meth:`state`."""

    def readings(self) -> dict[str, float]:
        """Numbers worth showing, such as ADA's strength; empty where there are none."""
        return {}


class AugmentationSpec(Spec, ABC):
    """Options of an augmentation; ``build`` makes it."""

    source: ClassVar[str]
    """Paper."""

    @abstractmethod
    def build(self) -> Augmentation | None:
        """The augmentation with these options, or None where nothing is to be done."""


AUGMENTATIONS: Registry[AugmentationSpec] = Registry(
    "augmentation",
    AugmentationSpec,  # type: ignore[type-abstract]
)
