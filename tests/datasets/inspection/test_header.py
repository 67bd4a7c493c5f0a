"""What a header says, for every format and mode that is decoded."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from animesearch.datasets.decode import decode_image
from animesearch.datasets.inspection.header import ORIENTATION, Header, header_of
from tests.datasets.pictures import encoded, noise

RGB = Image.fromarray(noise(1))
RGBA = Image.fromarray(noise(2, channels=4))
GREY = Image.fromarray(noise(3, channels=1))
DEEP = Image.fromarray(np.arange(192, dtype=np.uint16).reshape(12, 16) * 300)


def turned(value: object, kind: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return encoded(RGB, kind, exif=exif.tobytes(), **options)


def png16(colour: int, channels: int) -> bytes:
    """A PNG of 16 bits in a channel, which Pillow does not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body)
        )  # fmt: skip

    rows = b"".join(b"\0" + noise(row, 1, 16 * 2 * channels, 1).tobytes() for row in range(12))
    header = struct.pack(">IIBBBBB", 16, 12, 16, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def two_views() -> bytes:
    """A JPEG with another one behind it."""
    buffer = io.BytesIO()
    RGB.save(buffer, "MPO", save_all=True, append_images=[RGB])
    return buffer.getvalue()


def many(kind: str) -> bytes:
    frames = [Image.fromarray(noise(seed)) for seed in (5, 6)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def clear_palette() -> bytes:
    return encoded(RGB.quantize(8), "PNG", transparency=0)


FILES: dict[str, tuple[bytes, str, str]] = {
    "png": (encoded(RGB), "PNG", "RGB"),
    "png with alpha": (encoded(RGBA), "PNG", "RGBA"),
    "png grey": (encoded(GREY), "PNG", "grey"),
    "png grey with alpha": (encoded(RGBA.convert("LA")), "PNG", "grey with alpha"),
    "png of one bit": (encoded(GREY.convert("1")), "PNG", "black and white"),
    "png palette": (encoded(RGB.quantize(8)), "PNG", "palette"),
    "png clear palette": (clear_palette(), "PNG", "palette"),
    "png deep": (encoded(DEEP), "PNG", "16-bit grey"),
    "png deep RGB": (png16(2, 3), "PNG", "16-bit RGB"),
    "png deep RGBA": (png16(6, 4), "PNG", "16-bit RGBA"),
    "apng": (many("PNG"), "PNG", "RGB"),
    "jpeg": (encoded(RGB, "JPEG"), "JPEG", "RGB"),
    "jpeg grey": (encoded(GREY, "JPEG"), "JPEG", "grey"),
    "jpeg cmyk": (encoded(RGB.convert("CMYK"), "JPEG"), "JPEG", "CMYK"),
    "jpeg of two views": (two_views(), "JPEG", "RGB"),
    "webp": (encoded(RGB, "WEBP"), "WebP", "RGB"),
    "webp with alpha": (encoded(RGBA, "WEBP"), "WebP", "RGBA"),
    "gif": (encoded(RGB.quantize(8), "GIF"), "GIF", "palette"),
    "moving gif": (many("GIF"), "GIF", "palette"),
    "bmp": (encoded(RGB, "BMP"), "BMP", "RGB"),
}
ALPHA = {
    "png with alpha", "png grey with alpha", "png clear palette", "png deep RGBA",
    "webp with alpha",
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_formats_and_channels(case: str) -> None:
    data, kind, channels = FILES[case]
    assert isinstance(decode_image(data), Image.Image)
    found = header_of(data)
    assert (found.format, found.kind) == (kind, channels)
    assert (found.width, found.height, found.turn) == (16, 12, 1)
    assert found.animated is (case in {"apng", "moving gif"})
    assert found.alpha is (case in ALPHA)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_images_are_upright_as_they_are_decoded(kind: str, turn: int) -> None:
    data = turned(turn, kind)
    found, image = header_of(data), decode_image(data)
    assert isinstance(image, Image.Image)
    assert (found.turn, found.width, found.height) == (turn, 16, 12)
    assert found.upright == image.size


def test_a_png_turned_by_xmp() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    data = encoded(RGB, "PNG", pnginfo=info)
    image = decode_image(data)
    assert isinstance(image, Image.Image)
    assert header_of(data).upright == image.size == (12, 16)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_a_turn_that_does_not_exist_is_none(value: int) -> None:
    assert header_of(turned(value, "JPEG")).turn == 1


def test_broken_exif_costs_nothing() -> None:
    data = encoded(RGB, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)
    assert header_of(data) == Header("JPEG", "RGB", 16, 12)
