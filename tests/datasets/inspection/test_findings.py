"""What is said of a set whose every number is known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.inspection.findings import Findings, findings, sampled
from animesearch.datasets.inspection.gathered import Gathered
from animesearch.datasets.inspection.model import Inspection, Spread
from animesearch.datasets.inspection.sheets import RANDOM, sheets
from animesearch.datasets.inspection.suggestion import suggested_yaml
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.sources import SOURCES
from animesearch.datasets.sources.base import Item, Listing
from animesearch.datasets.steps import STEPS, MetadataStep, Refusal, SetStep, StepSpec
from animesearch.errors import DataError
from tests.datasets.inspection.sets import (
    DROPS,
    KNOWN,
    Held,
    bars,
    face,
    gathered,
    grey_drawing,
    known_set,
    looked_at,
    shipped,
)
from tests.datasets.pictures import encoded, noise, png


@pytest.fixture(scope="module")
def held() -> Gathered:
    return gathered(Held(files=known_set()))


@pytest.fixture(scope="module")
def known(held: Gathered) -> Findings:
    return findings(Held(files=known_set()), held)


@pytest.fixture(scope="module")
def told(known: Findings) -> Inspection:
    return known.inspection


def test_files_and_reasons(told: Inspection) -> None:
    assert (told.found, told.usable) == (KNOWN["found"], KNOWN["usable"])
    assert {count.code: count.count for count in told.refused} == {
        "empty": 1, "not-an-image": 2, "truncated": 1,
    }  # fmt: skip
    assert told.refused[0].code == "not-an-image"
    [text] = [count for count in told.refused if count.code == "not-an-image"]
    assert [example.name for example in text.examples] == ["broken/text.txt", "broken/words.txt"]
    assert text.meaning == Reason.NOT_AN_IMAGE.meaning
    assert told.bytes == sum(map(len, known_set().values()))


def test_formats_channels_and_sizes(told: Inspection) -> None:
    assert told.formats == {"PNG": 54, "BMP": 1, "WebP": 1}
    assert told.misnamed == 1
    assert told.channels == {"RGB": 56}
    assert (told.alpha, told.animated, told.turned) == (0, 0, 0)
    sizes = told.sizes
    assert sizes is not None
    found = {(size.width, size.height): size.count for size in sizes.commonest}
    assert found == {
        (96, 96): 50, (120, 120): 2, (120, 96): 1, (96, 124): 1, (240, 96): 1, (40, 40): 1,
    }  # fmt: skip
    assert sizes.square == round(53 / 56, 4)
    assert (sizes.width.least, sizes.width.median, sizes.width.most) == (40, 96, 240)
    assert (sizes.height.least, sizes.height.most) == (40, 124)


def test_copies_and_look_alikes(told: Inspection) -> None:
    copies = told.copies
    assert (copies.by_file, copies.by_pixels) == (KNOWN["by_file"], KNOWN["by_pixels"])
    assert (copies.distinct_files, copies.distinct_pixels) == (53, 51)
    assert copies.groups == KNOWN["groups"]
    assert told.near_duplicates == KNOWN["near"]
    assert {(pair.dropped, pair.kept) for pair in told.near_pairs} == {
        ("near/a.png", "face/06.png"), ("near/c.png", "face/08.png"),
    }  # fmt: skip


def test_what_each_step_would_drop(told: Inspection) -> None:
    found = {
        step.name: {code.code: code.count for code in step.codes} for step in told.steps
    }  # fmt: skip
    assert found == DROPS
    assert {step.name: step.drops for step in told.steps} == {
        name: sum(codes.values()) for name, codes in DROPS.items()
    }
    assert {step.asked for step in told.steps} == {KNOWN["usable"]}
    assert told.bars == {"frame": 2, "horizontal": 1, "vertical": 1}
    [small] = [step for step in told.steps if step.name == "small"]
    [example] = small.codes[0].examples
    assert example.name == "bad/small.png"
    assert example.detail.startswith("40x40 pixels")


def test_the_suggestion_says_what_is_left(told: Inspection) -> None:
    config = DatasetConfig.model_validate(
        {**yaml.safe_load(told.suggestion)["dataset"], "source": "faces"}
    )
    steps = [step.name for step in config.steps]
    assert steps[-2:] == ["exact-duplicates", "near-duplicates"]
    assert {*steps} == {*DROPS}
    assert told.left == 56 - sum(
        sum(codes.values()) for name, codes in DROPS.items() if name != "near-duplicates"
    ) - KNOWN["near"]  # fmt: skip
    assert f"{told.left} of 56 images are left" in told.suggestion
    assert "exact-duplicates  # drops 5 more" in told.suggestion
    assert "near-duplicates  # drops 2 more" in told.suggestion


def test_the_order_in_which_blocks_arrive_changes_nothing(told: Inspection) -> None:
    source = Held(files=known_set())
    assert findings(source, gathered(source, seed=1)).inspection == told


def numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from numbers(part)
    elif isinstance(value, float):
        yield value


def test_json_and_back(told: Inspection) -> None:
    text = told.model_dump_json()
    assert Inspection.model_validate_json(text) == told
    value = json.loads(json.dumps(told.model_dump(mode="json"), allow_nan=False))
    assert all(math.isfinite(number) for number in numbers(value))
    assert Inspection.model_validate(value) == told


def test_sheets_show_every_problem(held: Gathered, known: Findings) -> None:
    shown = {sheet.code: sheet for sheet in sheets(held, known, singles=3, pairs=1)}
    assert {*shown} == {code for codes in DROPS.values() for code in codes} | {RANDOM}
    assert {code: sheet.count for code, sheet in shown.items()} == {
        **{code: count for codes in DROPS.values() for code, count in codes.items()},
        "near-duplicate": KNOWN["near"],
        RANDOM: KNOWN["usable"],
    }
    near = shown["near-duplicate"]
    assert len(near.cells) == 1
    assert near.cells[0].kept is not None
    assert len(shown["exact-duplicate"].cells) == len(shown[RANDOM].cells) == 3
    names = sorted(known_set())
    exact = {(cell.name, names[cell.kept or 0]) for cell in shown["exact-duplicate"].cells}
    assert exact <= {
        ("face/03.png", "copy/a.png"), ("copy/b.png", "copy/a.png"), ("face/04.png", "copy/c.jpg"),
        ("face/05.png", "copy/d.bmp"), ("near/b.webp", "face/07.png"),
    }  # fmt: skip
    thumbs = {place: b"jpeg" for place in range(60) if names[place] != near.cells[0].name}
    assert near.filled(thumbs).cells == ()
    filled = shown[RANDOM].filled(dict.fromkeys(range(60), b"jpeg"))
    assert filled.cells == shown[RANDOM].cells
    assert {*filled.thumbnails} == {cell.index for cell in filled.cells}


def test_samples_are_by_lot_and_the_same_each_time() -> None:
    places = np.arange(1000)
    some = sampled(places, 50)
    assert len({*some.tolist()}) == 50
    assert (np.diff(some) > 0).all()
    assert some.max() > 500
    assert np.array_equal(some, sampled(places, 50))
    assert np.array_equal(sampled(places, 1000), places)


def test_labels_tags_and_what_has_none() -> None:
    names = [f"{n}.png" for n in range(6)]
    source = Held(
        files={name: png(n) for n, name in enumerate(names)} | {"z": b"broken"},
        labels={"0.png": "rin", "1.png": "miku", "2.png": "rin", "z": "gone"},
        tags={"0.png": ("Solo", "smile"), "3.png": ("solo",), "z": ("gone",)},
    )
    told = looked_at(source, []).inspection
    assert list(told.labels.items()) == [("miku", 1), ("rin", 2)]
    assert told.unlabelled == 3
    assert told.tags is not None
    assert told.tags.counts == {"solo": 2, "smile": 1}
    assert (told.tags.tagged, told.tags.untagged) == (2, 4)
    plain = looked_at(Held(files={"a": png(1)}), []).inspection
    assert (plain.labels, plain.tags, plain.unlabelled) == ({}, None, 1)


def test_nothing_usable() -> None:
    told = looked_at(Held(files={"a": b"", "b": b"text"})).inspection
    assert (told.found, told.usable, told.sizes, told.left) == (2, 0, None, 0)
    assert told.copies.by_file == told.near_duplicates == 0
    assert Inspection.model_validate_json(told.model_dump_json()) == told


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_few_images(names: tuple[str, ...]) -> None:
    told = looked_at(Held(files=dict.fromkeys(names, png(1, 70, 70)))).inspection
    assert (told.usable, told.copies.by_pixels) == (len(names), len(names) - 1)


def test_turned_images_count_upright() -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    lying = encoded(Image.fromarray(noise(1, 70, 90)), "JPEG", exif=exif.tobytes())
    told = looked_at(Held(files={"a.jpg": lying}), []).inspection
    assert told.turned == 1
    assert told.sizes is not None
    assert [(size.width, size.height) for size in told.sizes.commonest] == [(70, 90)]


def test_a_step_that_would_drop_much_is_left_to_the_user() -> None:
    files = {f"{n}": encoded(face(n)) for n in range(10)} | {
        "g": encoded(grey_drawing()),
        "h": encoded(bars(face(9), 0, 14)),
    }
    told = looked_at(Held(files=files)).inspection
    document = yaml.safe_load(told.suggestion)
    assert document["dataset"]["steps"] == ["bars", "grey"]
    more = looked_at(Held(files={**files, "i": encoded(grey_drawing().rotate(90))})).inspection
    document = yaml.safe_load(more.suggestion)
    assert document["dataset"]["steps"] == ["bars"]
    assert "#   - grey  # would drop 2 (16.7 %)" in more.suggestion
    assert (told.left, more.left) == (10, 12)


def test_an_image_that_two_steps_would_drop_counts_once_in_the_suggestion() -> None:
    files = {f"{n}": encoded(face(n)) for n in range(30)}
    files |= {"x": encoded(grey_drawing().resize((40, 40))), "y": encoded(face(31, 40))}
    files |= {"z": files["y"]}
    told = looked_at(Held(files=files)).inspection
    alone = {step.name: step.drops for step in told.steps if step.drops}
    assert alone == {"grey": 1, "small": 3, "exact-duplicates": 1, "near-duplicates": 1}
    assert yaml.safe_load(told.suggestion)["dataset"]["steps"] == ["grey", "small"]
    assert "small  # drops 2" in told.suggestion
    assert told.left == 30


def test_numbers_are_finite() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Spread(least=1, median=math.nan, most=2)


def test_details_are_those_of_the_images_asked_for(held: Gathered) -> None:
    place = next(place for place, step in enumerate(held.steps) if step.name == "bars")
    names = [item.name for item in held.listing.items]
    wanted = names.index("bars/h.png")
    assert held.details(place, [wanted]) == {wanted: "the picture is 96x96 of 96x124 pixels"}
    assert held.details(place, [names.index("face/00.png")]) == {}


def test_a_slow_step_is_left_to_the_user_too() -> None:
    source = Held(files={f"{n}": encoded(face(n)) for n in range(20)} | {"g": encoded(face(1, 9))})
    steps = [STEPS.parse("small")]
    told = findings(source, gathered(source, steps), slow={0}).inspection
    assert "steps" not in yaml.safe_load(told.suggestion)["dataset"]
    assert "#   - small  # would drop 1 (4.8 %)" in told.suggestion
    assert told.left == 21


def test_a_clean_set_needs_nothing() -> None:
    told = looked_at(Held(files={f"{n}": encoded(face(n)) for n in range(5)})).inspection
    assert "no cleaning step would drop anything" in told.suggestion
    assert [*yaml.safe_load(told.suggestion)["dataset"]] == ["source"]


SOURCES_AS_TYPED = [
    {"name": "path", "path": 'a "b"\n<script>: #x\x1b\x7f\u202e😀'},
    {"name": "faces"},
    {"name": "faces", "count": 10, "seed": 3},
    {"name": "tar", "path": "x.tar", "classes": "no", "tags": "'y: z'"},
    {"name": "metadata", "path": "~/set", "records": "a.json"},
    {"name": "parquet", "path": "s3://bucket/x?region=a", "image_column": "[1]"},
]


@pytest.mark.parametrize("options", SOURCES_AS_TYPED)
def test_the_source_stands_in_the_suggestion_as_it_was_typed(options: dict[str, object]) -> None:
    source = SOURCES.parse(options)
    document = yaml.safe_load(suggested_yaml(source, [], 5))
    assert DatasetConfig.model_validate(document["dataset"]).source == source


class Hostile(Held):
    """Names that are no text, in a listing that was never on a disk."""

    refused: ClassVar[tuple[Dropped, ...]] = (
        Dropped("\ud800<b>\n", "link", "\udfff"),
        Dropped("b", "made-up", ""),
    )


def test_names_that_are_no_text() -> None:
    source = Hostile(files={"a": png(1)}, title="t\ud801\n<i>", labels={"a": "<u>\x1b"})
    told = looked_at(source, []).inspection
    told.model_dump_json().encode()
    assert Inspection.model_validate_json(told.model_dump_json()) == told
    examples = {count.code: count.examples[0] for count in told.refused}
    assert examples["link"].name == "\\ud800<b>\n"
    assert "not loaded" in next(c.meaning for c in told.refused if c.code == "made-up")


class ByLabel(MetadataStep):
    """Drops images of a class."""

    name: Literal["by-label"] = "by-label"
    reasons: ClassVar[dict[str, str]] = {"unwanted-class": "the class is not wanted"}

    def judge(self, item: Item) -> Refusal | None:
        return Refusal("unwanted-class", item.label or "") if item.label == "rin" else None


class FirstByte(SetStep):
    """Drops images whose first pixel is that of an image before."""

    name: Literal["first-byte"] = "first-byte"
    width: ClassVar[int] = 1
    reasons: ClassVar[dict[str, str]] = {"same-start": "the first pixel is the same"}

    def fingerprint(self, image: object) -> bytes:
        return image.tobytes()[:1]  # type: ignore[attr-defined]

    def judge(self, prints_NW: NDArray[np.uint8], names: object) -> dict[int, Refusal]:
        first = {int(value): place for place, value in reversed([*enumerate(prints_NW[:, 0])])}
        return {
            place: Refusal("same-start", "no name at all")
            for place, value in enumerate(prints_NW[:, 0].tolist())
            if first[value] != place
        }


class NotHere(FirstByte):
    """Fits no listing."""

    name: Literal["not-here"] = "not-here"  # type: ignore[assignment]

    def fits(self, listing: Listing) -> None:
        raise DataError("fits nothing")


def test_a_plug_in_joins_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from animesearch.datasets.inspection.plan import default_steps

    classes: tuple[type[StepSpec], ...] = (ByLabel, FirstByte, NotHere)
    for cls in classes:
        monkeypatch.setitem(STEPS._specs, cls.component_name(), cls)
    source = Held(
        files={"a": encoded(face(1)), "b": encoded(face(2)), "c": encoded(face(1, 80))},
        labels={"a": "rin", "b": "miku"},
    )
    steps, unasked = default_steps(source.listing(None, lambda *_: None))  # type: ignore[arg-type]
    assert [one.why for one in unasked if one.name == "not-here"] == ["fits nothing"]
    chosen = tuple(step for step in steps if step.name != "faces")
    data = gathered(source, chosen)
    found = findings(source, data, (), unasked)
    drops = {step.name: step for step in found.inspection.steps}
    assert [e.name for e in drops["by-label"].codes[0].examples] == ["a"]
    prints = {name: face_start(data) for name, data in source.files.items()}
    assert drops["first-byte"].drops == len(prints) - len({*prints.values()})
    assert "not-here" in {one.name for one in found.inspection.unasked}
    codes = {sheet.code for sheet in sheets(data, found)}
    assert "unwanted-class" in codes


def face_start(data: bytes) -> bytes:
    from animesearch.datasets.decode import decode

    pixels = decode(data)
    assert not isinstance(pixels, Dropped)
    return pixels.tobytes()[:1]


def test_shipped_steps_are_all_asked() -> None:
    names = {step.name for step in shipped(Listing(()))}
    assert names == {*STEPS.names()} - {"tags", "faces"}
    assert replace(Listing(()), draws=True).draws
