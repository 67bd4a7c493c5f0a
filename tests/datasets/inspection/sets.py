"""Small sets of images with known facts, and a way through the inspection without Ray."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from pydantic import Field
from typing_extensions import override

from animesearch.datasets.blocks import item_blocks
from animesearch.datasets.drawing.face import draw_face
from animesearch.datasets.inspection.findings import Findings, findings
from animesearch.datasets.inspection.gathered import Gathered
from animesearch.datasets.inspection.plan import Plan, default_steps
from animesearch.datasets.inspection.survey import survey_block
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Item, Listing, Memory, Payload, Progress, SourceSpec
from animesearch.datasets.steps import StepSpec
from tests.datasets.pictures import encoded


class Held(SourceSpec):
    """Images in memory, with tags, labels and refusals."""

    name: Literal["held"] = "held"
    title: str = "images in memory"
    files: dict[str, bytes] = Field(exclude=True)
    tags: dict[str, tuple[str, ...]] = Field(default_factory=dict, exclude=True)
    labels: dict[str, str] = Field(default_factory=dict, exclude=True)
    refused: ClassVar[tuple[Dropped, ...]] = ()

    @override
    def describe(self) -> str:
        return self.title

    @override
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        items = (
            Item(
                name,
                hashlib.sha256(data).hexdigest(),
                len(data),
                self.labels.get(name),
                tags=self.tags.get(name, ()),
            )
            for name, data in self.files.items()
        )
        return Listing.of(items, self.refused)

    @override
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        for item in items:
            yield item, self.files.get(item.name)


def shipped(listing: Listing) -> tuple[StepSpec, ...]:
    """The default steps, less the slow one, which not every machine has."""
    return tuple(step for step in default_steps(listing)[0] if step.name != "faces")


def gathered(
    source: SourceSpec, steps: Sequence[StepSpec] | None = None, seed: int = 0
) -> Gathered:
    """As the inspection gathers it, from blocks of any size in any order."""
    listing = source.listing(None, lambda *_: None)  # type: ignore[arg-type]
    chosen = shipped(listing) if steps is None else tuple(steps)
    found, plan = Gathered(listing, chosen), Plan(source, chosen, size=32)
    items = list(listing.items)
    lot = random.Random(seed)
    lot.shuffle(items)
    while items:
        part = Listing(tuple(items[: (count := lot.randint(1, 9))]))
        del items[:count]
        for block in item_blocks(part, 4096, 1):
            for table in survey_block(block, plan):
                found.add(table)
    return found


def looked_at(source: SourceSpec, steps: Sequence[StepSpec] | None = None) -> Findings:
    """What is said of a source."""
    return findings(source, gathered(source, steps))


def face(index: int, edge: int = 96) -> Image.Image:
    """A drawn face, different for each index."""
    return Image.fromarray(draw_face(7, index, edge)[0])


def bars(image: Image.Image, beside: int, above: int) -> Image.Image:
    """The picture with black bars."""
    framed = Image.new("RGB", (image.width + 2 * beside, image.height + 2 * above))
    framed.paste(image, (beside, above))
    return framed


def retouched(image: Image.Image) -> Image.Image:
    """A few pixels of another brightness: another image, which looks the same."""
    pixels = np.array(image)
    pixels[:3, :3] ^= 8
    return Image.fromarray(pixels)


def grey_drawing() -> Image.Image:
    """A drawing without colours, as RGB."""
    paper = Image.new("L", (96, 96), 240)
    ImageDraw.Draw(paper).ellipse((20, 15, 70, 85), 120, 10, 3)
    return paper.convert("RGB")


def known_set() -> dict[str, bytes]:
    """Forty faces, and one or a few of every problem; the numbers are those of :data:`KNOWN`."""
    files = {f"face/{index:02d}.png": encoded(face(index)) for index in range(40)}
    files |= {
        "copy/a.png": files["face/03.png"],
        "copy/b.png": files["face/03.png"],
        "copy/c.jpg": files["face/04.png"],
        "copy/d.bmp": encoded(face(5), "BMP"),
        "near/a.png": encoded(retouched(face(6))),
        "near/b.webp": encoded(face(7), "WEBP", lossless=True, exact=True),
        "near/c.png": encoded(retouched(face(8))),
        "bars/h.png": encoded(bars(face(50), 0, 14)),
        "bars/v.png": encoded(bars(face(51), 12, 0)),
        "bars/f.png": encoded(bars(face(52), 12, 12)),
        "bars/g.png": encoded(bars(face(53), 12, 12)),
        "bad/flat.png": encoded(Image.new("RGB", (96, 96), (200, 40, 40))),
        "bad/small.png": encoded(face(54, 40)),
        "bad/long.png": encoded(face(55).crop((0, 20, 96, 60)).resize((240, 96))),
        "bad/blur.png": encoded(face(56).filter(ImageFilter.GaussianBlur(6))),
        "bad/grey.png": encoded(grey_drawing()),
        "broken/cut.png": encoded(face(57))[:-200],
        "broken/empty.png": b"",
        "broken/text.txt": b"no image at all",
        "broken/words.txt": b"nor is this",
    }
    return files


KNOWN: Mapping[str, int] = {
    "found": 60,
    "usable": 56,
    "by_file": 3,
    "by_pixels": 5,
    "groups": 4,
    "near": 2,
}
"""Copies by pixels: three of bytes, one BMP, one lossless WebP; the groups are faces 3, 4, 5, 7."""
DROPS: Mapping[str, Mapping[str, int]] = {
    "aspect": {"odd-aspect": 1},
    "bars": {"bars-frame": 2, "bars-horizontal": 1, "bars-vertical": 1},
    "blur": {"blurred": 1},
    "exact-duplicates": {"exact-duplicate": 5},
    "flat": {"flat": 1},
    "grey": {"grey": 1},
    "near-duplicates": {"near-duplicate": 7},
    "small": {"too-small": 1},
}
