"""Adaptive discriminator augmentation (Karras 2020, arXiv:2006.06676)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from animesearch.trainers.augmentations.base import Augmentation
from animesearch.trainers.modules.augment.colour import draw_colour, recolour
from animesearch.trainers.modules.augment.corruption import (
    add_noise,
    amplify,
    cut_out,
    draw_gains,
)
from animesearch.trainers.modules.augment.geometry import draw_blit, draw_geometry, warp


@dataclass(frozen=True)
class Categories:
    """Which groups of changes there are (Karras 2020, figure 4 and appendix B)."""

    blit: bool
    geometry: bool
    colour: bool
    filter: bool
    noise: bool
    cutout: bool


@dataclass(frozen=True)
class Heuristic:
    """How p follows D's outputs on the reals, ``r = E[sign(D(x) - threshold)]`` (equation 1).

    Every ``interval`` observations p moves by their number of reals / ``speed``, up where r over
    them is above ``target``, down where it is below.
    """

    target: float
    speed: int
    interval: int


class AdaptiveAugmentation(Augmentation):
    """Augments with the probability ``p``, which a :class:`Heuristic` adapts, or nothing does."""

    def __init__(self, categories: Categories, p: float, heuristic: Heuristic | None) -> None:
        self.categories, self.p, self.heuristic = categories, p, heuristic
        self._signs = torch.zeros(())
        self._outputs = self._images = self._calls = 0

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """See the base class.  The very same tensor while p is 0."""
        if self.p <= 0:
            return x_BCHW
        # Autocast would mix colours in half precision.
        with torch.autocast(x_BCHW.device.type, enabled=False):
            exact_BCHW = x_BCHW.to(torch.promote_types(x_BCHW.dtype, torch.float32))
            return augmented(exact_BCHW, self.p, self.categories).to(x_BCHW.dtype)

    def observe(self, real_B: Tensor, threshold: float, images: int) -> None:
        """See the base class; waits for the device once in ``interval`` calls."""
        if self.heuristic is None:
            return
        self._signs = self._signs + (real_B.detach() - threshold).sign().sum(dtype=torch.float32)
        self._outputs += real_B.numel()
        self._images += images
        self._calls += 1
        if self._calls >= self.heuristic.interval:
            self._adjust(self.heuristic)

    def state(self) -> dict[str, Tensor]:
        """p, and what was observed since it moved; empty where p is fixed."""
        if self.heuristic is None:
            return {}
        counts = torch.tensor([self._outputs, self._images, self._calls])
        p = torch.tensor(self.p, dtype=torch.float64)
        return {"p": p, "signs": self._signs.cpu(), "counts": counts}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over a :meth:`state`; nothing happens where p is fixed, here or there."""
        if self.heuristic is None or not state:
            return
        self.p, self._signs = float(state["p"]), state["signs"].clone()
        self._outputs, self._images, self._calls = (int(count) for count in state["counts"])

    def readings(self) -> dict[str, float]:
        """The strength."""
        return {"ada_p": self.p}

    def _adjust(self, heuristic: Heuristic) -> None:
        above = float(self._signs) / self._outputs - heuristic.target
        step = self._images / heuristic.speed
        if above > 0:
            self.p = min(1.0, self.p + step)
        elif above < 0:
            self.p = max(0.0, self.p - step)
        self._signs = torch.zeros(())
        self._outputs = self._images = self._calls = 0


def augmented(x_BCHW: Tensor, p: float, categories: Categories) -> Tensor:
    """Square images with each change of the categories drawn with probability ``p``."""
    count, size = len(x_BCHW), x_BCHW.shape[-1]
    inverses = [draw_blit(count, p, size)] if categories.blit else []
    inverses += [draw_geometry(count, p)] if categories.geometry else []
    if inverses:
        x_BCHW = warp(x_BCHW, reduce(torch.matmul, inverses))
    if categories.colour:
        x_BCHW = recolour(x_BCHW, draw_colour(count, p))
    if categories.filter:
        x_BCHW = amplify(x_BCHW, draw_gains(count, p))
    if categories.noise:
        x_BCHW = add_noise(x_BCHW, p)
    return cut_out(x_BCHW, p) if categories.cutout else x_BCHW
