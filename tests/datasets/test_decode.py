"""Bytes to pixels: every mode right, every kind of damage a reason."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from animesearch.datasets.decode import MAX_PIXELS, decode, decode_image, looks_like_image
from animesearch.datasets.reasons import Dropped, Reason
from tests.datasets.pictures import encoded, noise, png

RGB = noise(1)
GREY = noise(2, channels=1)


def pixels(data: bytes, **options: object) -> np.ndarray:
    result = decode(data, **options)
    assert isinstance(result, np.ndarray), result
    assert result.dtype == np.uint8
    return result


def reason(data: bytes) -> Reason:
    result = decode(data, name="x")
    assert isinstance(result, Dropped)
    assert result.name == "x"
    assert "\n" not in result.detail
    return result.reason


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_give_the_pixels_back(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(pixels(encoded(Image.fromarray(RGB), kind, **options)), RGB)


def test_jpeg_is_close_to_the_original() -> None:
    smooth = np.asarray(Image.fromarray(noise(3, 4, 4)).resize((32, 32), Image.Resampling.BICUBIC))
    found = pixels(encoded(Image.fromarray(smooth), "JPEG", quality=95))
    assert np.abs(found.astype(int) - smooth).mean() < 4


def test_the_first_frame_of_a_gif_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(pixels(buffer.getvalue()), np.full((8, 8, 3), (255, 0, 0)))


def test_grey_becomes_three_equal_channels_or_stays_one() -> None:
    data = encoded(Image.fromarray(GREY))
    assert np.array_equal(pixels(data), np.repeat(GREY[..., None], 3, axis=2))
    assert np.array_equal(pixels(data, channels=1), GREY[..., None])


def test_colour_becomes_luma() -> None:
    found = pixels(encoded(Image.fromarray(RGB)), channels=1)[..., 0]
    luma = RGB @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found - luma).max() <= 1.0


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (10, 200, 30)])
def test_transparency_lies_over_the_background(background: tuple[int, int, int]) -> None:
    rgba = np.dstack([RGB, GREY])
    found = pixels(encoded(Image.fromarray(rgba)), background=background)
    alpha = GREY[..., None] / 255.0
    expected = RGB * alpha + np.array(background) * (1 - alpha)
    assert np.abs(found - expected).max() <= 1.0


def test_grey_with_alpha_lies_over_the_background() -> None:
    grey_alpha = Image.merge("LA", [Image.new("L", (4, 4), 0), Image.new("L", (4, 4), 0)])
    assert np.all(pixels(encoded(grey_alpha), background=(9, 8, 7)) == (9, 8, 7))


def test_palettes_with_and_without_transparency() -> None:
    image = Image.fromarray(RGB).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(pixels(encoded(image)), expected)
    clear = pixels(encoded(image, transparency=0), background=(1, 2, 3))
    hidden = np.asarray(image) == 0
    assert np.all(clear[hidden] == (1, 2, 3))
    assert np.array_equal(clear[~hidden], expected[~hidden])


def test_one_bit_images() -> None:
    bits = GREY > 127
    found = pixels(encoded(Image.fromarray(bits)), channels=1)[..., 0]
    assert np.array_equal(found, np.where(bits, 255, 0))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    found = pixels(encoded(Image.fromarray(ramp)), channels=1)[..., 0]
    assert np.array_equal(found, np.arange(256).reshape(16, 16))


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _raw_png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunks + _png_chunk(b"IEND", b"")


def test_sixteen_bit_colour() -> None:
    deep = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3) * 3000
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    found = pixels(_raw_png(3, 2, 16, 2, rows))
    assert np.abs(found.astype(int) - deep / 257.0).max() <= 1.0


def test_cmyk() -> None:
    image = Image.fromarray(np.full((16, 16, 3), (200, 40, 90), np.uint8)).convert("CMYK")
    found = pixels(encoded(image, "JPEG", quality=98))
    assert np.abs(found.astype(int) - (200, 40, 90)).max() < 12
    assert pixels(encoded(image, "JPEG"), channels=1).shape == (16, 16, 1)


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_rotation_is_undone(turn: int) -> None:
    """The stored image is turned by the inverse, so each must come out upright."""
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    stored = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1], 5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
        8: lambda a: np.rot90(a, -1),
    }[turn](upright)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert np.array_equal(pixels(data), upright)


def test_broken_exif_costs_nothing() -> None:
    data = encoded(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(pixels(data), RGB)


def test_large_jpegs_are_scaled_while_decoding_and_stay_true() -> None:
    picture = np.asarray(
        Image.fromarray(noise(5, 8, 8)).resize((512, 512), Image.Resampling.BICUBIC)
    )
    data = encoded(Image.fromarray(picture), "JPEG", quality=95)
    small = decode_image(data, at_least=64)
    assert isinstance(small, Image.Image)
    assert small.size == (128, 128)
    full = Image.fromarray(picture).resize((128, 128), Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(full)).mean() < 3


def test_no_bytes() -> None:
    assert reason(b"") is Reason.EMPTY


@pytest.mark.parametrize("data", [b"hello, world", b"\0" * 100, b"%PDF-1.4", b"{}"])
def test_other_content(data: bytes) -> None:
    assert reason(data) is Reason.NOT_AN_IMAGE


def test_the_content_decides_not_a_format_that_is_not_ours() -> None:
    assert reason(encoded(Image.fromarray(RGB), "TIFF")) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_cut_in_half(kind: str) -> None:
    data = encoded(Image.fromarray(noise(4, 64, 64)), kind)
    assert reason(data[: len(data) // 2]) in {Reason.TRUNCATED, Reason.BROKEN}


def test_a_declared_size_that_is_too_large_is_refused_before_decoding() -> None:
    huge = _raw_png(30_000, 30_000, 8, 2, b"")
    assert reason(huge) is Reason.TOO_MANY_PIXELS
    edge = int(MAX_PIXELS**0.5) + 1
    assert reason(_raw_png(edge, edge, 8, 0, b"")) is Reason.TOO_MANY_PIXELS


def test_signatures() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        assert looks_like_image(encoded(Image.fromarray(RGB), kind)[:16])
    assert not looks_like_image(b"text")


KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_damaged_bytes_never_raise(kind: str, seed: int, hits: int) -> None:
    data = bytearray(encoded(Image.fromarray(noise(6, 24, 24)), kind))
    lot = np.random.default_rng(seed)
    for place in lot.integers(0, len(data), hits):
        data[place] = lot.integers(0, 256)
    result = decode(bytes(data))
    assert isinstance(result, Dropped) or result.shape[2] == 3


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"])
)
def test_any_bytes_never_raise(tail: bytes, head: bytes) -> None:
    result = decode(head + tail)
    assert isinstance(result, Dropped | np.ndarray)


def test_the_same_bytes_give_the_same_pixels() -> None:
    assert np.array_equal(pixels(png(7)), pixels(png(7)))
