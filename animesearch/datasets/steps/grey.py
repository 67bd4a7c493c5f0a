"""Colour or grey: drop the one or the other, or take the colour away."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image


@STEPS.register
class GreyStep(ImageStep):
    """Drops greyscale images, or coloured ones, or makes all of them grey.

    An image is grey if next to none of its area is coloured; single pixels that the noise of
    JPEG tints do not count.  ``convert`` keeps three equal channels: one channel is
    ``dataset.channels: 1``.
    """

    name: Literal["grey"] = "grey"
    action: Literal["drop-grey", "drop-colour", "convert"] = Field(
        "drop-grey", description="drop-grey, drop-colour, or convert (drops nothing)"
    )
    tolerance: int = Field(
        12, ge=0, le=255, description="difference of RGB values (0..255) from which on it is colour"
    )

    reasons: ClassVar[dict[str, str]] = {
        "grey": "the image has no colours",
        "colour": "the image has colours",
    }

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        from animesearch.datasets.optics import colourfulness

        if self.action == "convert":
            return image.convert("L").convert("RGB")
        spread = colourfulness(image)
        is_grey = spread < self.tolerance
        if is_grey is (self.action == "drop-colour"):
            return image
        return Refusal("grey" if is_grey else "colour", f"RGB values differ by {spread}")
