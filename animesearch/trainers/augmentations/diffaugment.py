"""DiffAugment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.augmentations.base import AUGMENTATIONS, AugmentationSpec

if TYPE_CHECKING:
    from animesearch.trainers.modules.augment.diffaugment import DiffAugmentation


@AUGMENTATIONS.register
class DiffAugment(AugmentationSpec):
    """Colour, translation and cutout on every image that D sees (Zhao 2020).

    All three are the paper's policy for small data sets, colour and translation together or
    cutout alone those for larger ones.  Strengths are the paper's and do not change.
    """

    source: ClassVar[str] = "Zhao 2020, arXiv:2006.10738, section 3.2"

    name: Literal["diffaugment"] = "diffaugment"
    colour: bool = Field(
        True, description="brightness +-0.5 (of [-1, 1]), saturation x0 to 2, contrast x0.5 to 1.5"
    )
    translation: bool = Field(True, description="shift by up to 1/8 of the side, filled with 0")
    cutout: bool = Field(True, description="a square of half the side set to 0")

    def build(self) -> DiffAugmentation | None:
        """The augmentation; None where all three are off."""
        from animesearch.trainers.modules.augment.diffaugment import DiffAugmentation

        if not (self.colour or self.translation or self.cutout):
            return None
        return DiffAugmentation(self.colour, self.translation, self.cutout)
