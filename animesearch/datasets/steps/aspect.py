"""Drop images that are much longer than wide, or much wider than long."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image


@STEPS.register
class AspectStep(ImageStep):
    """Drops images too far from square, which stretching would deform and cropping would cut."""

    name: Literal["aspect"] = "aspect"
    most: float = Field(
        2.0, ge=1.0, le=1000.0, description="longer edge over shorter edge of a kept image"
    )

    reasons: ClassVar[dict[str, str]] = {"odd-aspect": "the image is too far from square"}

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        ratio = max(image.size) / min(image.size)
        if ratio <= self.most:
            return image
        return Refusal("odd-aspect", f"{image.width}x{image.height} pixels, {ratio:.2f} to 1")
