"""Drawn faces: the same for ever, different from one another, and tagged truly."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import numpy as np
import pytest

from animesearch.datasets.drawing import palette
from animesearch.datasets.drawing.face import draw_face
from animesearch.datasets.drawing.traits import traits

GOLDEN = "ccd5b08ee5073c55"


def test_the_attributes_are_those_of_this_version() -> None:
    """Whoever changes them raises DRAWER_VERSION and this digest."""
    rows = [traits(0, index).tags() for index in range(200)]
    assert hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16] == GOLDEN


def test_a_face_depends_on_seed_and_index_only() -> None:
    first = [draw_face(3, index, 32)[0] for index in (5, 6, 7)]
    again = [draw_face(3, index, 32)[0] for index in (7, 6, 5)]
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again), strict=True))


def test_attributes_do_not_depend_on_the_size() -> None:
    assert draw_face(0, 11, 16)[1] == draw_face(0, 11, 64)[1]


@pytest.mark.parametrize("size", [8, 64, 100, 300])
def test_pixels(size: int) -> None:
    image, tags = draw_face(0, 0, size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert tags == tuple(sorted(set(tags)))


def test_faces_differ() -> None:
    images = {draw_face(0, index, 32)[0].tobytes() for index in range(150)}
    assert len(images) == 150
    assert not np.array_equal(draw_face(0, 1, 32)[0], draw_face(1, 1, 32)[0])


def test_every_hair_and_eye_colour_occurs() -> None:
    counts = Counter(tag for index in range(1500) for tag in traits(0, index).tags())
    for word in palette.HAIR:
        assert counts[f"{word}_hair"] > 20
    for word in palette.EYES:
        assert counts[f"{word}_eyes"] > 20
    assert all(counts[word] > 40 for word in ("glasses", "blush", "twintails", "closed_eyes"))


def test_hair_colours_show_in_the_pixels() -> None:
    """The mean colour of pink-haired faces is redder than that of green-haired ones."""
    by_hair: dict[str, list[np.ndarray]] = {"pink": [], "green": []}
    for index in range(200):
        look = traits(0, index)
        if look.hair in by_hair:
            by_hair[look.hair].append(draw_face(0, index, 16)[0].mean(axis=(0, 1)))
    pink, green = (np.mean(by_hair[word], axis=0) for word in ("pink", "green"))
    assert pink[0] - pink[1] > green[0] - green[1] + 30


def test_edges_are_antialiased() -> None:
    """A hard-edged drawing would have a few flat colours only."""
    image = draw_face(0, 0, 64)[0]
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 500


def test_both_halves_of_a_heterochromia_are_tagged() -> None:
    odd = next(t for t in (traits(0, i) for i in range(500)) if "heterochromia" in t.tags())
    assert {f"{word}_eyes" for word in odd.eyes} <= set(odd.tags())
