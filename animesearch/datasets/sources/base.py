"""What a source of images is: it lists its items, and reads any part of them anywhere."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol, TypeVar

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override

from animesearch.datasets.reasons import Dropped, declare
from animesearch.registry import Registry, RegistryField, Spec

if TYPE_CHECKING:  # numpy is not needed to validate options
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T", bound=Spec)

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""An image file may have at most this many bytes."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Item:
    """One candidate image.

    ``name`` is unique in its source and independent of where the source lies; ``sha256`` is the
    hash of the encoded bytes (hex); ``path`` (raw bytes, relative) or ``offset`` (bytes from the
    start of an archive) tell the source where to read; ``index`` is the place in name order;
    ``tags`` are those that metadata beside the image give it.
    """

    name: str
    sha256: str
    size: int = 0
    label: str | None = None
    path: bytes = b""
    offset: int = 0
    index: int = 0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """All candidates of a source in name order, and what was refused without decoding.

    A ``sequential`` source cannot seek to an item: whoever reads a part of it passes over what
    stands before it, so its parts are best consecutive by ``offset``.
    A source that ``draws`` makes its images, and gives their tags together with the pixels.
    """

    items: tuple[Item, ...]
    refused: tuple[Dropped, ...] = ()
    sequential: bool = False
    draws: bool = False

    @classmethod
    def of(
        cls, items: Iterable[Item], refused: Iterable[Dropped] = (), sequential: bool = False
    ) -> Listing:
        """Sorted by name, with ``index`` filled in."""
        ordered = sorted(items, key=lambda item: item.name)
        numbered = tuple(replace(item, index=index) for index, item in enumerate(ordered))
        return cls(numbered, tuple(sorted(refused, key=lambda drop: drop.name)), sequential)


class PackedPixels(NamedTuple):
    """All images of a set that stands packed: SHA-256 (hex) of the bytes, shape (N, C, H, W)."""

    digest: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Drawn:
    """An image that a source made itself: RGB uint8 (size, size, 3), and its tags."""

    pixels: NDArray[np.uint8]
    tags: tuple[str, ...]


Payload = bytes | Drawn | None
"""Encoded bytes, a drawn image, or ``None`` where an item can no longer be read."""


class Memory(Protocol):
    """Remembers what was found out about unchanged files; only ever an accelerator."""

    def recall(self, place: str | Path) -> Mapping[str, object]:
        """What was last stored for this path or URI, or an empty mapping."""

    def store(self, place: str | Path, found: Mapping[str, object]) -> None:
        """Stores for the next time."""


class SourceSpec(Spec, abc.ABC):
    """Options of one source of images.

    ``reasons`` holds the codes that it refuses files with, beside those of plain files, each with
    its meaning in one line.
    """

    reasons: ClassVar[Mapping[str, str]] = {}

    def located(self) -> SourceSpec:
        """The source with its place made absolute.  :class:`DataError` if it is not there."""
        return self

    @abc.abstractmethod
    def describe(self) -> str:
        """A few words for messages and manifests, without the place on this machine."""

    @abc.abstractmethod
    def listing(self, memory: Memory, progress: Progress) -> Listing:
        """Every item with its content hash.  :class:`DataError` if nothing can be listed."""

    @abc.abstractmethod
    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        """The payloads of some of the listed items, one at a time, in any order.

        ``size`` is the edge of the images in the end, for sources that draw.
        """

    def packed_pixels(self) -> PackedPixels | None:
        """Of a source whose items are rows of one array, by their ``offset``; None of others."""
        return None


class SourceRegistry(Registry[SourceSpec]):
    """As :class:`Registry`; the reasons of a source become known with it."""

    @override
    def register(self, cls: type[T]) -> type[T]:
        """Class decorator; refuses what :class:`Registry` does, and reasons that clash."""
        registered = super().register(cls)
        if issubclass(cls, SourceSpec):
            declare(cls.reasons)
        return registered


SOURCES: Final[SourceRegistry] = SourceRegistry(
    "source",
    SourceSpec,  # type: ignore[type-abstract]
)


class SourceField(RegistryField):
    """A source by name or mapping; any other word is the path of one."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            parse_source,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda spec: spec.model_dump(mode="json")
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        known = super().__get_pydantic_json_schema__(schema, handler)
        path = {
            "type": "string",
            "description": "path or URI of a folder, an archive or Parquet files",
        }
        return {"anyOf": [*known["anyOf"], path]}


def source_field() -> SourceField:
    """Annotation of a pydantic field that holds a source."""
    return SourceField(SOURCES)


def parse_source(value: object) -> SourceSpec:
    """A validated source; a bare string that is no registered name is a path."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and value not in SOURCES.names():
        return SOURCES.parse({"name": "path", "path": value})
    return SOURCES.parse(value)
