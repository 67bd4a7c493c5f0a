"""One pass of a feature network over images, for all measures together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.metrics.features.base import FeatureNetwork
from animesearch.metrics.measures.base import Side
from animesearch.metrics.statistics import default_batch

if TYPE_CHECKING:
    from torch import Tensor

Numbered: TypeAlias = tuple[int, npt.NDArray[np.uint8]]
Tell = Callable[[int], None]


class Collector:
    """Gathers images of any sizes, and passes them on in batches of one size.

    Rows come out in the order of the images' numbers, whatever the order in which they arrive.
    """

    def __init__(
        self, network: FeatureNetwork, batch: int | None = None, logits: bool = True
    ) -> None:
        self._network, self._both = network, logits
        self._batch = batch or default_batch(network.device)
        self._waiting: dict[tuple[int, ...], list[Numbered]] = {}
        self._numbers: list[int] = []
        self._features: list[npt.NDArray[np.float32]] = []
        self._logits: list[npt.NDArray[Any]] = []

    def add(self, number: int, image_CHW: npt.NDArray[np.uint8]) -> None:
        """One image, uint8 (1 or 3, H, W)."""
        waiting = self._waiting.setdefault(image_CHW.shape, [])
        waiting.append((number, image_CHW))
        if len(waiting) >= self._batch:
            self._pass(self._waiting.pop(image_CHW.shape))

    def side(self) -> Side:
        """All features, and logits where the network has them and they were asked for.

        Raises :class:`MetricError` where no image was given, or one is not finite in features.
        """
        for rows in [*self._waiting.values()]:
            self._pass(rows)
        self._waiting.clear()
        if not self._numbers:
            raise MetricError("there are no images to take features of")
        order = np.argsort(np.array(self._numbers), kind="stable")
        features_ND = np.concatenate(self._features)[order]
        return Side(features_ND, np.concatenate(self._logits)[order] if self._logits else None)

    def _pass(self, rows: list[Numbered]) -> None:
        import torch

        x_BCHW = torch.from_numpy(np.stack([image for _, image in rows]))
        both = self._network.both if self._both else self._features_alone
        features_BD, logits_BK = both(x_BCHW)
        self._numbers += [number for number, _ in rows]
        self._features.append(features_BD.cpu().numpy())
        if logits_BK is not None:
            self._logits.append(logits_BK.cpu().numpy())

    def _features_alone(self, x_BCHW: Tensor) -> tuple[Tensor, None]:
        return self._network(x_BCHW), None


def collect(
    network: FeatureNetwork,
    images: Iterable[Numbered],
    batch: int | None = None,
    tell: Tell | None = None,
    *,
    logits: bool = True,
) -> Side:
    """The features of numbered images; ``tell`` is called with how many have come.

    ``batch`` images of one size go through the network at once (None: what suits its device).
    Without ``logits`` there are features alone.
    """
    collector = Collector(network, batch, logits)
    for done, (number, image_CHW) in enumerate(images, start=1):
        collector.add(number, image_CHW)
        if tell is not None:
            tell(done)
    return collector.side()
