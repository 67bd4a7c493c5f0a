"""Adaptive discriminator augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.augmentations.base import AUGMENTATIONS, AugmentationSpec

if TYPE_CHECKING:
    from animesearch.trainers.modules.augment.adaptive import AdaptiveAugmentation


@AUGMENTATIONS.register
class Ada(AugmentationSpec):
    """Many changes, each with a probability that follows D's overfitting (Karras 2020).

    The probability p rises where D calls too many of the reals it trains on real:
    ``r = E[sign(D(x) - threshold)]`` above ``target``, falls where r is below, by the reals shown
    / ``speed`` every ``interval`` steps of D, and stays within [0, 1] (the authors leave it open
    above).  The paper's 500,000 suit runs of millions of images; within a budget of n images p
    cannot exceed n / ``speed``.

    Strengths are the authors' and so are the defaults (their pipeline "bgc").  Their geometric
    changes work on images upsampled twice by a wavelet filter (sym6); here one bilinear
    resampling does it in a tenth of the time, which blurs what it turns a little more and lets
    the finest detail alias where it shrinks.  Borders are mirrored as often as needed; theirs
    once, and then black.  For square images.
    """

    source: ClassVar[str] = "Karras 2020, arXiv:2006.06676, section 3 and appendix B"

    name: Literal["ada"] = "ada"
    p: float = Field(0.0, ge=0, le=1, description="probability of each change at the start")
    adapt: bool = Field(True, description="p follows D's outputs; false: it stays")
    target: float = Field(
        0.6, gt=-1, lt=1, description="r that p aims at; 0 = half of the reals above the threshold"
    )
    speed: int = Field(
        500_000, ge=1, description="reals over which p can go from 0 to 1: fewer is faster"
    )
    interval: int = Field(4, ge=1, le=1000, description="steps of D from one move of p to the next")
    blit: bool = Field(True, description="x-flip, quarter turns, translation by whole pixels")
    geometry: bool = Field(
        True, description="scaling, rotation, stretching, fractional translation"
    )
    colour: bool = Field(True, description="brightness, contrast, luma flip, hue, saturation")
    filter: bool = Field(False, description="bands of frequencies amplified or damped")
    noise: bool = Field(False, description="Gaussian noise on the images")
    cutout: bool = Field(False, description="a square of half the side set to 0")

    def build(self) -> AdaptiveAugmentation | None:
        """The augmentation; None where no category is on, or p stays 0."""
        from animesearch.trainers.modules.augment.adaptive import (
            AdaptiveAugmentation,
            Categories,
            Heuristic,
        )

        categories = Categories(
            self.blit, self.geometry, self.colour, self.filter, self.noise, self.cutout
        )
        if not any(vars(categories).values()) or not (self.adapt or self.p):
            return None
        heuristic = Heuristic(self.target, self.speed, self.interval) if self.adapt else None
        return AdaptiveAugmentation(categories, self.p, heuristic)
