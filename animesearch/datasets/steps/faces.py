"""Keep images of anime faces, or crop images to the face."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.datasets.steps.base import STEPS, ImageStep, Refusal

if TYPE_CHECKING:
    from PIL.Image import Image


@STEPS.register
class FacesStep(ImageStep):
    """Drops images in which a detector finds no anime face, or too many; crops to the face.

    Needs the extra ``faces`` (the package animeface, which ships its detector).  It finds faces
    seen from the front, upright, with both eyes open to view; of good crops it misses a few in a
    hundred: profiles, hidden eyes, very dark or pale drawings.
    """

    name: Literal["faces"] = "faces"
    action: Literal["drop", "crop"] = Field(
        "drop", description="drop images without a face, or crop the others to theirs as well"
    )
    most: int = Field(1, ge=1, le=100, description="faces in an image that is kept, at most")
    likelihood: float = Field(
        0.5, ge=0.5, le=1.0, description="how sure the detector is of a face that counts"
    )
    edge: int = Field(
        128,
        ge=64,
        le=2048,
        description="longer edge, in pixels, at which faces are looked for; the least face is 43: "
        "larger for whole figures",
    )
    margin: float = Field(
        0.6,
        ge=0.0,
        le=4.0,
        description="crop: what is added on each side of the face, as a share of its width",
    )

    reasons: ClassVar[dict[str, str]] = {
        "no-face": "no anime face was found",
        "many-faces": "more anime faces were found than asked for",
    }

    @override
    def available(self) -> None:
        """The compiled detector is there."""
        from animesearch.datasets.detector import library

        library()

    @override
    def apply(self, image: Image) -> Image | Refusal:
        """See the base class."""
        from animesearch.datasets.detector import faces_in

        faces = [f for f in faces_in(image, self.edge) if f.likelihood >= self.likelihood]
        if not faces:
            return Refusal("no-face", f"looked for at {self.edge} pixels")
        if len(faces) > self.most:
            return Refusal("many-faces", f"{len(faces)} faces, at most {self.most} are asked for")
        if self.action == "drop":
            return image
        return image.crop(around(faces[0].box, self.margin, image.size))


def around(
    box: tuple[int, int, int, int], margin: float, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The box with a margin (a share of its width), cut at the image's edges; never empty."""
    left, top, right, bottom = box
    add = round((right - left) * margin)
    x0, y0 = min(max(0, left - add), size[0] - 1), min(max(0, top - add), size[1] - 1)
    x1, y1 = max(x0 + 1, min(size[0], right + add)), max(y0 + 1, min(size[1], bottom + add))
    return (x0, y0, x1, y1)
