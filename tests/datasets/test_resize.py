"""Resize policies: shape, aspect ratio, antialiasing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from animesearch.datasets.resize import POLICIES, resize
from tests.datasets.pictures import noise


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(POLICIES)),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(8, 40),
    st.sampled_from(["RGB", "L"]),
)
def test_every_policy_gives_a_square(
    policy: str, width: int, height: int, size: int, mode: str
) -> None:
    image = Image.fromarray(noise(0, height, width)).convert(mode)
    result = resize(image, size, policy, (1, 2, 3))
    assert (result.size, result.mode) == ((size, size), mode)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_right_size_is_left_alone(policy: str) -> None:
    image = Image.fromarray(noise(1, 16, 16))
    assert np.array_equal(np.asarray(resize(image, 16, policy, (0, 0, 0))), np.asarray(image))


def test_letterbox_keeps_the_ratio_and_fills_with_the_background() -> None:
    image = Image.new("RGB", (40, 20), (255, 0, 0))
    found = np.asarray(resize(image, 16, "letterbox", (0, 0, 255)))
    assert np.all(found[4:12] == (255, 0, 0))
    assert np.all(found[:4] == (0, 0, 255))
    assert np.all(found[12:] == (0, 0, 255))


def test_centre_crop_keeps_the_middle() -> None:
    strip = np.zeros((10, 30, 3), np.uint8)
    strip[:, 10:20] = 200
    found = np.asarray(resize(Image.fromarray(strip), 10, "centre-crop", (0, 0, 0)))
    assert np.all(found == 200)


def test_stretch_uses_the_whole_image() -> None:
    halves = np.zeros((10, 40, 3), np.uint8)
    halves[:, 20:] = 255
    found = np.asarray(resize(Image.fromarray(halves), 10, "stretch", (0, 0, 0)))
    assert found[:, :4].max() == 0
    assert found[:, 6:].min() == 255


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_reduction_does_not_alias(policy: str) -> None:
    """A one-pixel checkerboard has no other truth at a quarter of its size than its mean."""
    board = np.indices((128, 128)).sum(axis=0) % 2 * 255
    image = Image.fromarray(board.astype(np.uint8))
    found = np.asarray(resize(image, 32, policy, (0, 0, 0))).astype(int)
    assert np.abs(found - 127.5).max() < 8
