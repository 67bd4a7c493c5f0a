"""Keep one of several images that look the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, Refusal, SetStep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


@STEPS.register
class NearDuplicatesStep(SetStep):
    """Of images that look the same keeps the first by name.

    Perceptual hashes are compared bit by bit: a coarse one of the brightness, by which likely
    pairs are found, one of the details, which tells two drawings of the same build apart, and one
    of the colours, so that a drawing in other colours is another drawing.  Size, format and
    compression hardly change any of them.  In the order of the names, an image is dropped if it
    looks like one that was kept, never for its likeness to a dropped one: a chain of small changes
    does not lead from one picture to quite another.
    """

    name: Literal["near-duplicates"] = "near-duplicates"
    radius: int = Field(
        8, ge=0, le=12, description="bits (of 64) in which the coarse hashes may differ"
    )
    detail: int = Field(
        60, ge=0, le=256, description="bits (of 256) in which the hashes of details may differ"
    )
    colour: int = Field(
        3, ge=0, le=64, description="bits (of 64) in which the hashes of colours may differ"
    )

    width: ClassVar[int] = 48
    reasons: ClassVar[dict[str, str]] = {
        "near-duplicate": "an image kept looks the same (the detail names it)"
    }

    @override
    def fingerprint(self, image: Image) -> bytes:
        """See the base class."""
        from animesearch.datasets.hashing import look_of

        return look_of(image)

    @override
    def judge(self, prints_NW: NDArray[np.uint8], names: Sequence[str]) -> Mapping[int, Refusal]:
        """See the base class."""
        from animesearch.datasets.duplicates import Likeness, leaders
        from animesearch.datasets.hashing import as_words

        leader = leaders(as_words(prints_NW), Likeness(self.radius, self.colour, self.detail))
        return {
            place: Refusal("near-duplicate", names[kept])
            for place, kept in enumerate(leader.tolist())
            if kept != place
        }
