"""Drop images of too few pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image


@STEPS.register
class SmallStep(ImageStep):
    """Drops images whose shorter edge is too short to be more than a thumbnail."""

    name: Literal["small"] = "small"
    least: int = Field(64, ge=1, le=16384, description="shorter edge of a kept image, in pixels")

    reasons: ClassVar[dict[str, str]] = {"too-small": "the shorter edge is too short"}

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        if min(image.size) >= self.least:
            return image
        found = f"{image.width}x{image.height} pixels"
        return Refusal("too-small", f"{found}, at least {self.least} are asked for")
