"""Drop images that show next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image


@STEPS.register
class FlatStep(ImageStep):
    """Drops images of nearly one colour: blank pages, test cards, failed crops.

    Measured as the standard deviation of the pixel values in the channel where it is largest.
    The noise of JPEG in an even area stays below 2; a drawing that covers one part in a hundred
    of a white page is at 25.
    """

    name: Literal["flat"] = "flat"
    least: float = Field(
        5.0,
        ge=0.0,
        le=128.0,
        description="standard deviation of the pixel values (0..255) of a kept image",
    )

    reasons: ClassVar[dict[str, str]] = {"flat": "the image is nearly constant"}

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        from animesearch.datasets.optics import spread_of

        spread = spread_of(image)
        if spread >= self.least:
            return image
        return Refusal("flat", f"standard deviation {spread:.1f} of 0..255")
