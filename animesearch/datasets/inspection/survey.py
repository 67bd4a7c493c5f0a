"""The work of one Ray Data task: listed items in, what was found about each out.

Pure but for the reading of the source; no Ray here.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pyarrow as pa
from PIL import Image

from animesearch.datasets.blocks import CHANGED
from animesearch.datasets.decode import decode_image
from animesearch.datasets.inspection.header import PIXELS, UNKNOWN, Header, header_of
from animesearch.datasets.inspection.plan import Plan, in_sample
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Drawn, Item, Payload
from animesearch.datasets.steps import ImageStep, MetadataStep, Refusal, SetStep

ROWS: Final = 1024
"""Images in one table that a task hands back: progress is told as often."""
THUMBNAIL: Final = 96
"""Longer edge of a thumbnail, in pixels."""
THUMBNAIL_BYTES: Final = 6000
"""A thumbnail of more is compressed further: a page of a thousand stays small."""
QUALITIES: Final = (82, 60, 35, 15)

HEADER_TYPES: Final = {
    "format": pa.string(),
    "kind": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "turn": pa.uint8(),
    "animated": pa.bool_(),
    "alpha": pa.bool_(),
}


def verdict_column(place: int) -> str:
    """Of the codes that a step refuses with: empty for a kept image, null where not asked."""
    return f"verdict{place}"


def detail_column(place: int) -> str:
    """Of what exactly such a step found; null for a kept image."""
    return f"detail{place}"


def print_column(place: int) -> str:
    """Of the fingerprints for a step over the set; null for an image that cannot be used."""
    return f"print{place}"


@dataclass(frozen=True)
class Facts:
    """What was found about one image: why it cannot be used, or all the rest.

    ``verdicts`` holds what the steps say that were asked, by their places; ``prints`` likewise.
    """

    reason: str = ""
    detail: str = ""
    header: Header = UNKNOWN
    tags: tuple[str, ...] = ()
    verdicts: Mapping[int, Refusal | None] = field(default_factory=dict)
    prints: Mapping[int, bytes] = field(default_factory=dict)


def survey_block(block: pa.Table, plan: Plan) -> Iterator[pa.Table]:
    """Reads, decodes and measures the items of one block.

    Yields tables of at most :data:`ROWS` rows: ``index``, ``reason`` (empty for a usable image)
    and ``detail``, the fields of :class:`~animesearch.datasets.inspection.header.Header`,
    ``tags`` (of images that the source draws), and for each step its columns.
    """
    rows: dict[int, Facts] = {}
    for item, payload in plan.source.read(items_of(block), plan.size):
        rows[item.index] = facts_of(item, payload, plan)
        if len(rows) >= ROWS:
            yield _table(rows, plan)
            rows = {}
    if rows:
        yield _table(rows, plan)


def items_of(block: pa.Table) -> list[Item]:
    """The items of a block of :func:`~animesearch.datasets.blocks.item_blocks`."""
    rows: list[dict[str, Any]] = block.to_pylist()
    return [Item(**{**row, "tags": tuple(row["tags"])}) for row in rows]


def facts_of(item: Item, payload: Payload, plan: Plan) -> Facts:
    """Of one item; ``changed`` is the reason where its bytes are not those that were hashed."""
    tags = payload.tags if isinstance(payload, Drawn) else ()
    opened = _opened(item, payload, plan)
    if isinstance(opened, Dropped):
        return Facts(opened.reason, opened.detail)
    header, image = opened
    return _judged(replace(item, tags=tags or item.tags), image, plan, Facts("", "", header, tags))


def _opened(item: Item, payload: Payload, plan: Plan) -> tuple[Header, Image.Image] | Dropped:
    if isinstance(payload, Drawn):
        drawn = Image.fromarray(payload.pixels)
        return Header(PIXELS, drawn.mode, *drawn.size), drawn
    if payload is None or hashlib.sha256(payload).hexdigest() != item.sha256:
        return Dropped(item.name, CHANGED)
    image = decode_image(payload, background=plan.background, name=item.name)
    return image if isinstance(image, Dropped) else (header_of(payload), image)


def _judged(item: Item, image: Image.Image, plan: Plan, facts: Facts) -> Facts:
    verdicts: dict[int, Refusal | None] = {}
    prints: dict[int, bytes] = {}
    chosen = in_sample(item, plan.share)
    for place, step in enumerate(plan.steps):
        if isinstance(step, SetStep):
            prints[place] = step.fingerprint(image)
        elif isinstance(step, MetadataStep):
            verdicts[place] = step.judge(item)
        elif isinstance(step, ImageStep) and (chosen or place not in plan.slow):
            verdict = step.apply(image)
            verdicts[place] = verdict if isinstance(verdict, Refusal) else None
    return replace(facts, verdicts=verdicts, prints=prints)


def _table(rows: Mapping[int, Facts], plan: Plan) -> pa.Table:
    facts = list(rows.values())
    columns = {
        "index": pa.array(rows, pa.int64()),
        "reason": pa.array([row.reason for row in facts], pa.string()),
        "detail": pa.array([row.detail for row in facts], pa.string()),
        "tags": pa.array([row.tags for row in facts], pa.list_(pa.string())),
    }
    for name, kind in HEADER_TYPES.items():
        columns[name] = pa.array([getattr(row.header, name) for row in facts], kind)
    for place, step in enumerate(plan.steps):
        if isinstance(step, SetStep):
            prints = [row.prints.get(place) for row in facts]
            columns[print_column(place)] = pa.array(prints, pa.binary(step.width))
        else:
            columns |= _verdicts(place, facts)
    return pa.table(columns)


def _verdicts(place: int, facts: list[Facts]) -> dict[str, pa.Array]:
    def told(row: Facts, of: Callable[[Refusal | None], str | None]) -> str | None:
        return of(row.verdicts[place]) if place in row.verdicts else None

    codes = [told(row, lambda verdict: verdict.reason if verdict else "") for row in facts]
    details = [told(row, lambda verdict: verdict.detail if verdict else None) for row in facts]
    return {
        verdict_column(place): pa.array(codes, pa.string()),
        detail_column(place): pa.array(details, pa.string()),
    }


def thumbnail_block(block: pa.Table, plan: Plan) -> Iterator[pa.Table]:
    """Reads the items of one block once more and yields ``index`` and ``thumbnail``, a JPEG.

    Null where the item has changed since it was listed.
    """
    index: list[int] = []
    made: list[bytes | None] = []
    for item, payload in plan.source.read(items_of(block), plan.size):
        index.append(item.index)
        made.append(_thumbnail(item, payload, plan))
    yield pa.table({"index": pa.array(index, pa.int64()), "thumbnail": pa.array(made, pa.binary())})


def _thumbnail(item: Item, payload: Payload, plan: Plan) -> bytes | None:
    if isinstance(payload, Drawn):
        image: Image.Image | Dropped = Image.fromarray(payload.pixels)
    elif payload is None or hashlib.sha256(payload).hexdigest() != item.sha256:
        return None
    else:
        image = decode_image(payload, background=plan.background, at_least=THUMBNAIL)
    return None if isinstance(image, Dropped) else small_jpeg(image)


def small_jpeg(image: Image.Image) -> bytes:
    """At most :data:`THUMBNAIL` pixels along its edges, as a JPEG of few bytes."""
    image = image.copy()
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    data = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= THUMBNAIL_BYTES:
            break
    return data
