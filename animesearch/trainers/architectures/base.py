"""What every architecture declares, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from animesearch.errors import UnsupportedError
from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


class ArchitectureSpec(Spec, ABC):
    """Options of an architecture; what it can do are fields of its class.

    ``build`` composes modules of :mod:`animesearch.trainers.modules`, imported inside it.
    """

    source: ClassVar[str]
    """Paper or seed."""
    sizes: ClassVar[tuple[int, ...]]
    """Allowed sides of a (square) image in pixels, ascending."""
    channels: ClassVar[tuple[int, ...]] = (1, 3)
    """Allowed numbers of colour channels."""
    output_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """Range of the generator's output; reals are scaled to it."""
    smallest: ClassVar[dict[str, int | float | bool]] = {}
    """Options of a build small enough for tests."""

    def check(self, size: int, channels: int) -> None:
        """Raise :class:`UnsupportedError` where the design has no such images."""
        if size not in self.sizes:
            allowed = ", ".join(map(str, self.sizes))
            raise UnsupportedError(
                f"architecture '{self.name}' cannot do images of {size} pixels; allowed: {allowed}"
            )
        if channels not in self.channels:
            allowed = ", ".join(map(str, self.channels))
            raise UnsupportedError(
                f"architecture '{self.name}' cannot do {channels} channels; allowed: {allowed}"
            )

    def build(self, size: int, channels: int) -> Networks:
        """Freshly initialised networks, from torch's current random state.

        Raises :class:`UnsupportedError` as :meth:`check` does.
        """
        self.check(size, channels)
        return self.networks(size, channels)

    @abstractmethod
    def networks(self, size: int, channels: int) -> Networks:
        """The networks of an allowed size."""


ARCHITECTURES: Registry[ArchitectureSpec] = Registry(
    "architecture",
    ArchitectureSpec,  # type: ignore[type-abstract]
)
