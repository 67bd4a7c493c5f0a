"""No augmentation."""

from __future__ import annotations

from typing import ClassVar, Literal

from animesearch.trainers.augmentations.base import AUGMENTATIONS, AugmentationSpec


@AUGMENTATIONS.register
class NoAugmentation(AugmentationSpec):
    """D sees reals and fakes as they are."""

    source: ClassVar[str] = "Goodfellow 2014"

    name: Literal["none"] = "none"

    def build(self) -> None:
        """Nothing."""
        return
