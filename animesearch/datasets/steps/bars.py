"""Black bars: drop the images that have them, or cut them off."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image

Kind = Literal["horizontal", "vertical", "frame"]


@STEPS.register
class BarsStep(ImageStep):
    """Finds black bars above and below, left and right, or all around, as letterboxing adds them.

    Bars come in pairs, are dark over their whole length, and end at a sharp edge: a dark
    background, black hair or a night scene is none.  The noise of JPEG is allowed for.
    """

    name: Literal["bars"] = "bars"
    action: Literal["drop", "crop"] = Field(
        "drop", description="drop the image, or crop the bars off and keep it"
    )
    kinds: tuple[Kind, ...] = Field(
        ("horizontal", "vertical", "frame"),
        description="what counts: horizontal (above and below), vertical (left and right), "
        "frame (both)",
    )
    darkness: int = Field(
        24, ge=0, le=128, description="brightness (0..255) up to which a pixel is black"
    )
    least: float = Field(
        0.02, gt=0.0, lt=0.5, description="thickness of each bar, as a share of the image's edge"
    )

    reasons: ClassVar[dict[str, str]] = {
        "bars-horizontal": "black bars above and below",
        "bars-vertical": "black bars left and right",
        "bars-frame": "black bars all around",
    }

    @model_validator(mode="after")
    def _kinds_differ(self) -> Self:
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"kinds are different words, at least one, got {list(self.kinds)}")
        return self

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        from animesearch.datasets.optics import bars_of

        bars = bars_of(image, self.darkness, self.least)
        if bars is None or bars.kind not in self.kinds:
            return image
        if self.action == "crop":
            return image.crop(bars.box)
        left, top, right, bottom = bars.box
        inside = f"{right - left}x{bottom - top} of {image.width}x{image.height} pixels"
        return Refusal(f"bars-{bars.kind}", f"the picture is {inside}")
