"""Keep one of several images that are equal pixel by pixel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, Refusal, SetStep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


@STEPS.register
class ExactDuplicatesStep(SetStep):
    """Of images with the same decoded pixels keeps the first by name.

    Compared by SHA-256 of size and pixels as they stand at this place in the order, so that a
    copy in another format, or with other metadata, is found too.
    """

    name: Literal["exact-duplicates"] = "exact-duplicates"

    width: ClassVar[int] = 32
    reasons: ClassVar[dict[str, str]] = {
        "exact-duplicate": "an image kept has the same pixels (the detail names it)"
    }

    @override
    def fingerprint(self, image: Image) -> bytes:
        """See the base class."""
        digest = hashlib.sha256(f"{image.mode} {image.width}x{image.height} ".encode())
        digest.update(image.tobytes())
        return digest.digest()

    @override
    def judge(self, prints_NW: NDArray[np.uint8], names: Sequence[str]) -> Mapping[int, Refusal]:
        """See the base class."""
        from animesearch.datasets.duplicates import first_equals

        first = first_equals(prints_NW)
        return {
            place: Refusal("exact-duplicate", names[kept])
            for place, kept in enumerate(first.tolist())
            if kept != place
        }
