"""Drop images that are out of focus, or enlarged from very few pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image


@STEPS.register
class BlurStep(ImageStep):
    """Drops images that a further blur would hardly change.

    The blur effect of Crete et al. (2007, "The Blur Effect: Perception and Estimation with a New
    No-Reference Perceptual Blur Metric"), at a shorter edge of at most 128 pixels, so that the
    same picture measures the same at any size.  Sharp drawings of faces lie at 0.2 to 0.5; out of
    focus by 2 % of the edge, or enlarged fourfold, at 0.5 to 0.8.  An image without edges at all
    is the business of the step ``flat``.
    """

    name: Literal["blur"] = "blur"
    most: float = Field(0.55, ge=0.0, le=1.0, description="blur of a kept image, 0 (sharp) to 1")

    reasons: ClassVar[dict[str, str]] = {"blurred": "the image is out of focus, or enlarged"}

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        from animesearch.datasets.optics import blur_of

        found = blur_of(image)
        if found <= self.most:
            return image
        return Refusal("blurred", f"blur {found:.2f}, at most {self.most:g} is allowed")
