"""Options of a data set, as they stand under ``dataset:`` in a space file.

Validation touches no disk and imports neither torch nor Ray.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from animesearch.datasets.kinds import STREAM_ORDERS, LabelChoice, Mode, Order, ResizePolicy
from animesearch.datasets.sources import SourceSpec, source_field
from animesearch.datasets.steps import STEPS, StepSpec
from animesearch.registry import Options

PIPELINE_VERSION: Final = 2
"""Part of every digest: raise it whenever the same bytes and options give other pixels."""

Byte = Annotated[int, Field(ge=0, le=255)]


class DatasetConfig(Options):
    """Where the images come from, and what is made of them."""

    source: Annotated[SourceSpec, source_field()] = Field(
        "faces",
        validate_default=True,
        description="name of a source, a mapping with its options, or the path of a tar or folder",
    )
    size: int = Field(64, ge=8, le=1024, description="edge of the square images, in pixels")
    channels: Literal[1, 3] = Field(3, description="1 (grey) or 3 (RGB)")
    resize: ResizePolicy = Field(
        "stretch", description="how an image that is not square becomes square (antialiased)"
    )
    background: tuple[Byte, Byte, Byte] = Field(
        (255, 255, 255), description="RGB 0..255 under transparency and around letterboxed images"
    )
    steps: tuple[Annotated[StepSpec, STEPS.field()], ...] = Field(
        (), description="cleaning steps, in the order in which they act; empty: nothing is dropped"
    )
    holdout: float = Field(
        0.0,
        ge=0.0,
        le=0.5,
        description="share of the images kept from training, chosen by their content",
    )
    mode: Mode = Field(
        "auto",
        description="packed: trials share one array in memory; stream: Ray Data feeds each trial; "
        "auto: packed, unless the images are larger than Ray's object store",
    )
    labels: LabelChoice = Field(
        "none",
        description="classes for conditional networks: none; classes = the folders of the images; "
        "or a list of tags, the first of which that an image carries is its class",
    )
    flip: bool = Field(False, description="mirror every second training image, by lot")
    order: Order = Field(
        "shuffle",
        description="shuffle: without replacement per epoch; sequential; replacement: each image "
        "by lot; fixed-batches: batches formed once, then drawn by lot",
    )

    @model_validator(mode="after")
    def _order_fits_mode(self) -> Self:
        if self.mode == "stream" and self.order not in STREAM_ORDERS:
            raise ValueError(
                f"order '{self.order}' needs mode 'packed': a stream cannot draw an image twice; "
                f"allowed with 'stream': {', '.join(STREAM_ORDERS)}"
            )
        return self

    @model_validator(mode="after")
    def _labels_fit(self) -> Self:
        if self.labels != "none" and self.mode == "stream":
            raise ValueError("labels need mode 'packed': a stream carries images alone")
        if isinstance(self.labels, tuple) and len(set(self.labels)) < max(1, len(self.labels)):
            raise ValueError(f"labels are different tags, at least one, got {list(self.labels)}")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one packed image: channels, height, width."""
        return (self.channels, self.size, self.size)

    @property
    def image_bytes(self) -> int:
        """Bytes of one packed image."""
        return self.channels * self.size * self.size

    @property
    def needs_array(self) -> str:
        """The option that a stream cannot serve, in words; empty where it can serve all."""
        if self.labels != "none":
            return "labels"
        return "" if self.order in STREAM_ORDERS else f"order: {self.order}"

    def pixel_options(self) -> dict[str, object]:
        """The options that decide over pixels: part of the digest, unlike those of training.

        Steps and held-out part stand there only where they are asked for.
        """
        options: dict[str, object] = {
            "size": self.size,
            "channels": self.channels,
            "resize": self.resize,
            "background": list(self.background),
        }
        if self.steps:
            options["steps"] = [step.model_dump(mode="json") for step in self.steps]
        if self.holdout:
            options["holdout"] = self.holdout
        return options

    def pixel_key(self) -> bytes:
        """SHA-256 of the pipeline's version and :meth:`pixel_options`."""
        text = json.dumps([PIPELINE_VERSION, self.pixel_options()], sort_keys=True)
        return hashlib.sha256(text.encode()).digest()
