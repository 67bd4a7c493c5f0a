"""One task's work, without Ray: facts of single images, samples, thumbnails."""

from __future__ import annotations

import hashlib
import io
import time
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from animesearch.datasets.blocks import CHANGED, item_blocks
from animesearch.datasets.decode import decode_image
from animesearch.datasets.hashing import look_of
from animesearch.datasets.inspection.header import PIXELS, UNKNOWN
from animesearch.datasets.inspection.plan import Plan, default_steps, in_sample, is_slow
from animesearch.datasets.inspection.survey import (
    THUMBNAIL,
    THUMBNAIL_BYTES,
    facts_of,
    items_of,
    small_jpeg,
    survey_block,
    thumbnail_block,
)
from animesearch.datasets.reasons import Reason
from animesearch.datasets.sources.base import Drawn, Item, Listing
from animesearch.datasets.steps import STEPS, ImageStep, Refusal, SetStep
from tests.datasets.inspection.sets import Held, face, shipped
from tests.datasets.pictures import encoded, noise, png


class Dawdling(ImageStep):
    """Takes its time over each image, and refuses it."""

    name: Literal["dawdling"] = "dawdling"

    def apply(self, image: Image.Image) -> Image.Image | Refusal:
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:
            pass
        return Refusal("flat", "all are")


def item(data: bytes, name: str = "a") -> Item:
    return Item(name, hashlib.sha256(data).hexdigest(), len(data))


def plan(source: Held, *steps: str) -> Plan:
    return Plan(source, tuple(STEPS.parse(step) for step in steps))


EMPTY = Held(files={})


def test_the_facts_of_an_image_are_those_of_the_steps() -> None:
    data = encoded(face(1, 40), "JPEG", quality=95)
    image = decode_image(data)
    assert isinstance(image, Image.Image)
    steps = ("small", "flat", "exact-duplicates", "near-duplicates")
    facts = facts_of(item(data), data, plan(EMPTY, *steps))
    assert facts.reason == ""
    assert facts.header.upright == (40, 40)
    small = facts.verdicts[0]
    assert small is not None
    assert (small.reason, facts.verdicts[1]) == ("too-small", None)
    exact = STEPS.parse("exact-duplicates")
    assert isinstance(exact, SetStep)
    assert facts.prints == {2: exact.fingerprint(image), 3: look_of(image)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", Reason.EMPTY), (b"words", Reason.NOT_AN_IMAGE), (png(1)[:-60], Reason.TRUNCATED)],
)
def test_what_cannot_be_used(data: bytes, reason: Reason) -> None:
    facts = facts_of(item(data), data, plan(EMPTY, "flat", "near-duplicates"))
    assert (facts.reason, facts.header) == (reason, UNKNOWN)
    assert not facts.verdicts
    assert not facts.prints


def test_other_bytes_than_those_that_were_hashed() -> None:
    for payload in (None, png(2)):
        assert facts_of(item(png(1)), payload, plan(EMPTY)).reason == CHANGED


def test_drawn_images_bring_their_tags() -> None:
    drawn = Drawn(noise(1), ("red_hair",))
    facts = facts_of(Item("a", "00" * 32), drawn, plan(EMPTY, "small"))
    assert (facts.header.format, facts.header.kind) == (PIXELS, "RGB")
    assert facts.tags == ("red_hair",)
    assert facts.header.upright == (16, 12)


def test_every_image_is_told_once_in_tables_that_are_not_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("animesearch.datasets.inspection.survey.ROWS", 4)
    source = Held(files={f"{n:02d}": png(n) for n in range(10)} | {"99": b"no image"})
    listing = source.listing(None, lambda *_: None)  # type: ignore[arg-type]
    [block] = item_blocks(listing, 4096, 1)
    assert items_of(block) == list(listing.items)
    tables = list(survey_block(block, Plan(source, shipped(listing))))
    assert [table.num_rows for table in tables] == [4, 4, 3]
    assert len({table.schema for table in tables}) == 1
    assert sorted(pa.concat_tables(tables)["index"].to_pylist()) == [*range(11)]


def test_slow_steps_are_told_by_the_clock() -> None:
    assert is_slow(Dawdling())
    quick = [step for step in shipped(Listing(())) if isinstance(step, ImageStep)]
    assert len(quick) >= 6
    assert not any(is_slow(step) for step in quick)


def test_a_slow_step_is_asked_about_a_sample_by_content() -> None:
    files = {f"{n:03d}": b"%d" % n for n in range(2000)}
    items = [item(data, name) for name, data in files.items()]
    chosen = [one.name for one in items if in_sample(one, 0.25)]
    assert len(chosen) == pytest.approx(500, abs=60)
    assert chosen == [one.name for one in items if in_sample(one, 0.25)]
    assert all(in_sample(one, 1.0) for one in items)
    images = {name: png(n, 70, 70) for n, name in enumerate("abcdefgh")}
    some = Plan(EMPTY, (Dawdling(), STEPS.parse("flat")), frozenset({0}), 0.5)
    facts = {name: facts_of(item(data), data, some) for name, data in images.items()}
    asked = {name for name, found in facts.items() if 0 in found.verdicts}
    assert asked == {name for name, data in images.items() if in_sample(item(data), 0.5)}
    assert 0 < len(asked) < len(images)
    assert all(1 in found.verdicts for found in facts.values())


def test_steps_without_defaults_are_left_alone_and_sets_come_last() -> None:
    steps, unasked = default_steps(Listing(()))
    assert "tags" in [one.name for one in unasked]
    assert all("option" in one.why or "install" in one.why for one in unasked)
    kinds = [isinstance(step, SetStep) for step in steps]
    assert kinds == sorted(kinds)
    assert {step.name for step in steps} | {one.name for one in unasked} == {*STEPS.names()}


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 3), (96, 96), (400, 300)])
def test_thumbnails_are_small_whatever_the_image(size: tuple[int, int]) -> None:
    image = Image.fromarray(noise(1, size[1], size[0]))
    data = small_jpeg(image)
    opened = Image.open(io.BytesIO(data))
    assert opened.format == "JPEG"
    assert max(opened.size) <= THUMBNAIL
    assert len(data) <= THUMBNAIL_BYTES
    assert image.size == size


def test_thumbnails_of_listed_items() -> None:
    source = Held(files={"a": encoded(face(1)), "b": encoded(face(2))})
    listing = source.listing(None, lambda *_: None)  # type: ignore[arg-type]
    changed = Held(files={"a": source.files["a"], "b": png(3)})
    [block] = item_blocks(listing, 4096, 1)
    [table] = thumbnail_block(block, plan(changed))
    assert table["index"].to_pylist() == [0, 1]
    shown, missing = table["thumbnail"].to_pylist()
    assert missing is None
    broken = Held(files={"a": png(3)[:-60]})
    [block] = item_blocks(broken.listing(None, lambda *_: None), 4096, 1)  # type: ignore[arg-type]
    [table] = thumbnail_block(block, plan(broken))
    assert table["thumbnail"].to_pylist() == [None]
    difference = np.asarray(Image.open(io.BytesIO(shown)), int) - np.asarray(face(1), int)
    assert np.abs(difference).mean() < 8
