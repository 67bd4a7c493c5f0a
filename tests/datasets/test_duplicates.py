"""Duplicates: against brute force, on clumps, and on images that look alike or nearly so."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from animesearch.datasets import duplicates
from animesearch.datasets.drawing.face import draw_face
from animesearch.datasets.duplicates import Likeness, best_masks, first_equals, leaders
from animesearch.datasets.hashing import LOOK, as_words, look_of
from animesearch.datasets.steps import STEPS, SetStep
from tests.datasets.pictures import encoded, noise

Words = NDArray[np.uint64]


def bits(words: Words, other: Words) -> int:
    return int(np.bitwise_count(words ^ other).sum())


def by_brute_force(words_NK: Words, likeness: Likeness) -> list[int]:
    """The definition, word by word."""
    kept: list[int] = []
    result = []
    for place, words in enumerate(words_NK):
        alike = (
            other
            for other in kept
            if bits(words[:1], words_NK[other, :1]) <= likeness.radius
            and bits(words[1:2], words_NK[other, 1:2]) <= likeness.colour
            and bits(words[2:], words_NK[other, 2:]) <= likeness.detail
        )
        first = next(alike, place)
        result.append(first)
        if first == place:
            kept.append(place)
    return result


def clumped(seed: int, count: int, clumps: int, flips: int, words: int = 1) -> Words:
    """Hashes around a few centres, with bits turned over by lot; 0 clumps: all over the place."""
    lot = np.random.default_rng(seed)
    centres = lot.integers(0, 2**64, (clumps or count, words), dtype=np.uint64)
    places = lot.integers(0, clumps, count) if clumps else np.arange(count)
    found = centres[places]
    for _ in range(flips):
        found ^= np.uint64(1) << lot.integers(0, 64, found.shape).astype(np.uint64)
    return found


inputs = st.builds(
    clumped,
    st.integers(0, 2**32),
    count=st.integers(0, 90),
    clumps=st.integers(0, 6),
    flips=st.integers(0, 14),
    words=st.integers(1, 4),
)
likenesses = st.builds(Likeness, st.integers(0, 12), st.integers(0, 64), st.integers(0, 130))


@settings(max_examples=100, deadline=None)
@given(inputs, likenesses, st.integers(2, 30), st.integers(1, 50), st.booleans(), st.booleans())
def test_leaders_are_those_of_the_definition(
    words_NK: Words, likeness: Likeness, block: int, pairs: int, tables: bool, lookups: bool
) -> None:
    """In blocks so small, and with tables so cheap, that every way of searching is taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BLOCK", block)
        patch.setattr(duplicates, "PAIRS", pairs)
        patch.setattr(duplicates, "SEARCH", 0.01 if tables else 120.0)
        patch.setattr(duplicates, "LOOKUP", 0.01 if lookups else 8.0)
        found = leaders(words_NK, likeness)
    assert found.tolist() == by_brute_force(words_NK, likeness)


def compared_with_all(words_NK: Words, likeness: Likeness) -> NDArray[np.int64]:
    """Without tables, one image at a time."""
    result = np.arange(len(words_NK))
    kept = np.empty(0, np.int64)
    for place in range(len(words_NK)):
        near = np.bitwise_count(words_NK[kept, 0] ^ words_NK[place, 0]) <= likeness.radius
        if near.any():
            result[place] = kept[near.argmax()]
        else:
            kept = np.append(kept, place)
    return result


@pytest.mark.parametrize("radius", [0, 3, 8])
@pytest.mark.parametrize(("clumps", "flips"), [(0, 0), (700, 4), (3, 14)])
def test_many_hashes_with_tables(radius: int, clumps: int, flips: int) -> None:
    words_NK = clumped(radius, 9000, clumps, flips)
    likeness = Likeness(radius)
    assert np.array_equal(leaders(words_NK, likeness), compared_with_all(words_NK, likeness))


@pytest.mark.parametrize("radius", range(13))
@pytest.mark.parametrize("count", [5_000, 100_000, 3_000_000])
def test_tables_miss_nothing(radius: int, count: int) -> None:
    """However ``radius`` bits are turned over, some mask covers none of them."""
    masks = best_masks(count, radius)
    lot = np.random.default_rng(radius)
    for _ in range(60):
        turned = sum(1 << int(bit) for bit in lot.choice(64, radius, replace=False))
        assert not masks or any(not mask & turned for mask in masks)


def test_a_chain_of_small_changes_does_not_lead_away() -> None:
    """Each is near the one before; only those near the first go with it."""
    chain = np.array([[(1 << length) - 1] for length in range(12)], np.uint64)
    assert leaders(chain, Likeness(3)).tolist() == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8]


def test_what_lies_near_two_goes_with_the_first() -> None:
    hashes = np.array([[0b1111], [0b0000], [0b0011]], np.uint64)
    assert leaders(hashes, Likeness(2)).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "words_NK",
    [
        clumped(1, 20_000, 0, 0),
        clumped(2, 20_000, 5, 3),
        clumped(3, 20_000, 1, 20),
        clumped(4, 20_000, 0, 0) & np.uint64(2**32 - 1),
        np.zeros((20_000, 1), np.uint64),
    ],
    ids=["spread", "clumps", "one cloud", "half constant", "equal"],
)
def test_no_input_is_slow(words_NK: Words) -> None:
    started = time.process_time()
    leaders(words_NK, Likeness(8))
    assert time.process_time() - started < 8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=3, max_size=3).map(lambda b: bytes(x % 2 for x in b))))
def test_first_equals(rows: list[bytes]) -> None:
    prints = np.array([list(row) for row in rows], np.uint8).reshape(-1, 3)
    assert first_equals(prints).tolist() == [rows.index(row) for row in rows]


def face(index: int, edge: int = 160) -> Image.Image:
    return Image.fromarray(draw_face(0, index, edge)[0])


def saved(image: Image.Image, kind: str, **options: object) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, kind, **options))).convert("RGB")


def dropped(images: list[Image.Image], **options: object) -> set[int]:
    """Places that the step near-duplicates drops."""
    step = STEPS.parse({"name": "near-duplicates", **options})
    assert isinstance(step, SetStep)
    prints = np.array([np.frombuffer(step.fingerprint(image), np.uint8) for image in images])
    return set(step.judge(prints, [str(place) for place in range(len(images))]))


ALIKE = {
    "jpeg": lambda image: saved(image, "JPEG", quality=40),
    "webp": lambda image: saved(image, "WEBP", quality=50),
    "palette": lambda image: saved(image.quantize(64), "GIF"),
    "smaller": lambda image: image.resize((70, 70), Image.Resampling.BICUBIC),
    "larger": lambda image: image.resize((320, 320), Image.Resampling.BICUBIC),
    "softer": lambda image: image.filter(ImageFilter.GaussianBlur(1.5)),
    "shifted": lambda image: image.crop((2, 2, 158, 158)),
    "a little lighter": lambda image: image.point(lambda value: min(255, value + 6)),
}
DIFFERENT = {
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "other colours": lambda image: Image.merge("RGB", image.split()[::-1]),
    "negative": ImageOps.invert,
    "part": lambda image: image.crop((0, 0, 100, 100)),
}


@pytest.mark.parametrize("change", sorted(ALIKE))
def test_what_looks_the_same_is_dropped(change: str) -> None:
    originals = [face(index) for index in range(8)]
    found = dropped([*originals, *map(ALIKE[change], originals)])
    assert len(found & set(range(8, 16))) >= 7
    assert not found & set(range(8))


@pytest.mark.parametrize("change", sorted(DIFFERENT))
def test_what_does_not_look_the_same_is_kept(change: str) -> None:
    originals = [face(index) for index in range(8)]
    found = dropped([*originals, *map(DIFFERENT[change], originals)])
    assert len(found) <= 1


def test_options_of_likeness() -> None:
    original = face(3)
    grey = original.convert("L").convert("RGB")
    assert dropped([original, grey]) == set()
    assert dropped([original, grey], colour=64) == {1}
    shifted = original.crop((4, 0, 160, 156))
    assert dropped([original, shifted], detail=0) == set()
    assert dropped([original, shifted], radius=0, detail=256) == set()
    assert dropped([original, shifted], radius=12, detail=256) == {1}


def test_even_areas_hash_alike_and_are_told_apart_by_colour() -> None:
    red, rose = Image.new("RGB", (50, 50), (200, 0, 0)), Image.new("RGB", (9, 90), (202, 2, 1))
    blue = Image.new("RGB", (50, 50), (0, 0, 200))
    assert dropped([red, blue, rose]) == {2}


def test_a_look_is_a_few_words() -> None:
    looks = np.array([np.frombuffer(look_of(Image.fromarray(noise(s))), np.uint8) for s in (1, 2)])
    assert looks.shape == (2, LOOK)
    words = as_words(looks)
    assert (words.shape, words.dtype) == ((2, LOOK // 8), np.uint64)
    assert int(words[0, 0]) == int.from_bytes(looks[0, :8].tobytes(), "big")
    assert 20 < bits(words[0, :1], words[1, :1]) < 44


def test_exact_duplicates_look_at_pixels_and_shape() -> None:
    step = STEPS.parse("exact-duplicates")
    assert isinstance(step, SetStep)
    image = Image.fromarray(noise(1, 8, 12))
    same = (saved(image, "PNG"), saved(image, "BMP"), saved(image, "WEBP", lossless=True))
    assert {step.fingerprint(copy) for copy in same} == {step.fingerprint(image)}
    reshaped = Image.frombytes("RGB", (8, 12), image.tobytes())
    touched = image.copy()
    touched.putpixel((3, 3), (1, 2, 3))
    assert len({step.fingerprint(other) for other in (image, reshaped, touched)}) == 3
