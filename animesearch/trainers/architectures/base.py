"""What every architecture declares, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from animesearch.errors import UnsupportedError
from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


Kind = Literal["adversarial", "autoencoder"]


class Task(NamedTuple):
    """What networks are built for: ``size`` pixels a side, ``channels``, ``classes`` of labels.

    ``classes`` is 0 where images carry no labels.
    """

    size: int
    channels: int
    classes: int = 0


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
    kind: ClassVar[Kind] = "adversarial"
    """A generator against a discriminator, or a decoder with an encoder."""
    conditional: ClassVar[bool] = False
    """Whether both networks take class labels."""
    reconstructs: ClassVar[bool] = False
    """Whether D is an autoencoder whose output is minus its reconstruction error (BEGAN)."""
    variational: ClassVar[bool] = False
    """Whether the encoder of an autoencoder gives a variance."""
    default_loss: ClassVar[str | dict[str, str | float]] = "ns"
    """The loss of a trial that names none: its name, or a mapping with options."""
    smallest: ClassVar[dict[str, int | float | bool]] = {}
    """Options of a build small enough for tests."""

    def check(self, size: int, channels: int, classes: int = 0) -> None:
        """Raise :class:`UnsupportedError` where the design has no such images."""
        if size not in self.sizes:
            self._refuse(f"images of {size} pixels", self.sizes)
        if channels not in self.channels:
            self._refuse(f"{channels} channels", self.channels)
        if classes and not self.conditional:
            able = ", ".join(spec.component_name() for spec in ARCHITECTURES if spec.conditional)
            raise UnsupportedError(
                f"architecture '{self.name}' takes no class labels, the data has {classes} "
                f"classes; architectures that do: {able or 'none'}"
            )

    def least_batch(self, size: int) -> int:  # noqa: ARG002
        """Images that a training step at ``size`` pixels needs at least.

        1, except where batch norm meets an image with one value per channel: alone, that value
        is its own mean.
        """
        return 1

    def batch_problem(self, batch: int, *sizes: int) -> str:
        """Why ``batch`` images are too few to train with at all ``sizes`` (none: any), else ''."""
        least = min(map(self.least_batch, sizes or self.sizes))
        if batch >= least:
            return ""
        where = f" at {', '.join(map(str, sizes))} pixels" if sizes else ""
        return (
            f"architecture '{self.name}' cannot be trained with batch {batch}{where}: batch norm "
            f"would meet a single value per channel; allowed: at least {least}"
        )

    def spectral_problem(self) -> str:
        """Why a trial's spectral normalisation cannot go with this design, else ''."""
        return ""

    def workers_problem(self, batch: int, workers: int) -> str:  # noqa: ARG002
        """Why ``workers`` processes cannot train this design on shares of ``batch``, else ''.

        ``batch`` is a multiple of ``workers``, which are at least 2.
        """
        return ""

    def _refuse(self, what: str, allowed: tuple[int, ...]) -> None:
        raise UnsupportedError(
            f"architecture '{self.name}' cannot do {what}; allowed: {', '.join(map(str, allowed))}"
        )

    def build(self, size: int, channels: int, classes: int = 0) -> Networks:
        """Freshly initialised networks, from torch's current random state.

        Raises :class:`UnsupportedError` as :meth:`check` does.
        """
        self.check(size, channels, classes)
        return self.networks(Task(size, channels, classes))

    @abstractmethod
    def networks(self, task: Task) -> Networks:
        """The networks for an allowed task."""


ARCHITECTURES: Registry[ArchitectureSpec] = Registry(
    "architecture",
    ArchitectureSpec,  # type: ignore[type-abstract]
)
