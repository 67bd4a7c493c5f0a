"""What every measure is: its options, the numbers it promises, and how it is called."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from animesearch.errors import MetricError, NoSpreadError, UnsupportedError
from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from animesearch.metrics.frechet import GaussianFactor

Direction = Literal["lower", "higher", "none"]

ROWS = 1024


@dataclass(frozen=True)
class Value:
    """One number of a measure: which direction is better, and its meaning in one line.

    ``held`` True: given only where held-out reals are.
    """

    direction: Direction
    meaning: str
    held: bool = False


@dataclass(frozen=True, eq=False)
class Side:
    """The features of one set of images (N, D), float32, and their logits (N, K) if any.

    What several measures need of one side is computed once and kept with it, so one ``Side`` of
    the reals should serve all generators.  Raises :class:`MetricError` for other shapes and for
    numbers that are not finite.
    """

    features_ND: npt.NDArray[np.float32]
    logits_NK: npt.NDArray[Any] | None = None
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        _check_array("features", self.features_ND)
        if self.logits_NK is None:
            return
        _check_array("logits", self.logits_NK)
        if len(self.logits_NK) != len(self.features_ND):
            raise MetricError(
                f"{len(self.features_ND)} images have features and {len(self.logits_NK)} logits"
            )

    def __len__(self) -> int:
        return len(self.features_ND)

    @property
    def dim(self) -> int:
        """Number of features per image."""
        return int(self.features_ND.shape[1])

    def gaussian(self) -> GaussianFactor:
        """Mean and factored covariance of reals, which fakes are compared with.

        Raises :class:`MetricError` for fewer than 2 images, :class:`NoSpreadError` where all are
        the same.
        """
        from animesearch.metrics.frechet import GaussianFactor

        if "gaussian" not in self._kept:
            try:
                self._kept["gaussian"] = GaussianFactor.fitted(self.features_ND)
            except NoSpreadError as error:
                raise NoSpreadError(f"the real images: {error}") from None
        return cast("GaussianFactor", self._kept["gaussian"])

    def radii(self, k: int) -> npt.NDArray[np.float64]:
        """Squared distance of each image to its ``k``-th nearest other one (N,); 1 <= k < N.

        Raises :class:`MetricError` for too few images.
        """
        from animesearch.metrics.neighbours import others

        known = self._kept.get("others")
        if known is None or known.shape[1] < k:
            # Five at once serve both measures that ask (k = 3 and 5) at the price of one.
            at_once = max(k, min(5, len(self) - 1))
            known = self._kept["others"] = others(self.features_ND, at_once)
        return cast("npt.NDArray[np.float64]", known[:, k - 1])


class MeasureSpec(Spec, ABC):
    """Options of a measure; ``values`` are the numbers that it gives, by name.

    ``source`` names the paper.  ``needs_real`` False: of the fakes alone.  ``needs_logits``
    True: from the logits of the fakes, which not every feature network has.
    """

    source: ClassVar[str]
    values: ClassVar[Mapping[str, Value]]
    needs_real: ClassVar[bool] = True
    needs_logits: ClassVar[bool] = False

    def measure(self, real: Side | None, fake: Side, held: Side | None = None) -> dict[str, float]:
        """Finite numbers under the names of :meth:`given`.

        ``real`` are the images that the generator learnt from (None: only where ``needs_real``
        is False), ``held`` reals that it never saw.  All of the same feature network.
        Raises :class:`MetricError` for fewer than 2 images on a side, different dimensions, and
        where the measure has no finite value; :class:`UnsupportedError` without what it needs.
        """
        self._check(real, fake, held)
        # A measure of the fakes alone does not read the reals; all others have them by now.
        found = self._compute(cast(Side, real), fake, held)
        expected = self.given(held is not None)
        if set(found) != set(expected):
            raise TypeError(f"{self.name} gave {sorted(found)}, not {sorted(expected)}")
        for name, value in found.items():
            if not math.isfinite(value):
                raise MetricError(f"{name} has no finite value for these images: {value}")
        return {name: float(found[name]) for name in expected}

    @classmethod
    def given(cls, held: bool) -> tuple[str, ...]:
        """Names of the numbers, with or without held-out reals."""
        return tuple(name for name, value in cls.values.items() if held or not value.held)

    @abstractmethod
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        """The numbers; the sides fit together and have at least 2 images each."""

    def _check(self, real: Side | None, fake: Side, held: Side | None) -> None:
        if self.needs_real and real is None:
            raise UnsupportedError(f"{self.name} compares with real images; none were given")
        if self.needs_logits and fake.logits_NK is None:
            raise UnsupportedError(
                f"{self.name} needs logits, which these features lack; use features with logits"
            )
        for word, side in {"real": real, "generated": fake, "held-out": held}.items():
            if side is None:
                continue
            if len(side) < 2:
                raise MetricError(f"{self.name} needs at least 2 {word} images, there is 1")
            if side.dim != fake.dim:
                raise MetricError(
                    f"the {word} images have {side.dim} features, the generated {fake.dim}"
                )


MEASURES: Registry[MeasureSpec] = Registry(
    "measure",
    MeasureSpec,  # type: ignore[type-abstract]  # a registry never makes its base
)


def promised(specs: Sequence[MeasureSpec], held: bool = False) -> dict[str, Value]:
    """The numbers that ``specs`` will give, by name, in order.

    Raises :class:`UnsupportedError` where two of them give the same name: call it before work
    starts.
    """
    found: dict[str, Value] = {}
    for spec in specs:
        for name in spec.given(held):
            if name in found:
                raise UnsupportedError(f"two measures give '{name}'; ask for {spec.name} once")
            found[name] = spec.values[name]
    return found


def measure_all(
    specs: Sequence[MeasureSpec], real: Side | None, fake: Side, held: Side | None = None
) -> dict[str, float]:
    """All numbers of all ``specs``, see :meth:`MeasureSpec.measure`; the names are unique.

    Raises what a measure raises, and :class:`UnsupportedError` for the same name twice.
    """
    promised(specs, held is not None)
    found: dict[str, float] = {}
    for spec in specs:
        found |= spec.measure(real, fake, held)
    return found


def _check_array(word: str, array: npt.NDArray[Any]) -> None:
    """By blocks: a mask of 50,000 × 2048 is 100 MB."""
    import numpy as np

    if array.ndim != 2 or 0 in array.shape:
        raise MetricError(f"{word} must be (count, dimensions), not {array.shape}")
    bad = 0
    for start in range(0, len(array), ROWS):
        bad += int((~np.isfinite(array[start : start + ROWS])).any(axis=1).sum())
    if bad:
        raise MetricError(f"{bad} of {len(array)} images have {word} that are not finite")
