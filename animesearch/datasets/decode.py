"""Bytes to pixels: the content decides the format, and no content makes it crash.

Pure: the result depends on the bytes and the options only.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from animesearch.datasets.kinds import Rgb
from animesearch.datasets.reasons import Dropped, Reason

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS: Final = 64_000_000
"""More than 8,000 × 8,000 pixels are refused before any of them is decoded (200 MB as RGB)."""
JPEG_PIXELS_PER_BYTE: Final = 512
"""No Huffman code is shorter than a bit, and each block of 8 × 8 pixels has one (ITU-T T.81)."""
PIECE_BYTES: Final = 64 * 1024
INFLATE_BYTES: Final = 1024 * 1024
"""Of a stream, in and out at once: what is left of a piece is copied each time."""
ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                (0, 1, 1, 2))  # fmt: skip
"""First column and row of each pass of an interlaced PNG, and its steps (PNG 8.2)."""

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each value of the EXIF tag Orientation (EXIF 2.3, table 6)."""


class _RefusedError(Exception):
    """Carries the reason out of the decoding steps."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def decode(
    data: bytes, *, channels: int = 3, background: Rgb = (255, 255, 255), name: str = ""
) -> NDArray[np.uint8] | Dropped:
    """Pixels of one encoded image, uint8 (H, W, ``channels``), or why there are none.

    Transparency is laid over ``background``; EXIF rotation is applied; palettes, 16-bit, CMYK
    and grey become 8-bit RGB (``channels`` 3) or grey (1, ITU-R 601 luma); of an animation the
    first frame counts.
    """
    image = decode_image(data, channels=channels, background=background, name=name)
    if isinstance(image, Dropped):
        return image
    return np.array(image).reshape(image.height, image.width, channels)


def decode_image(
    data: bytes,
    *,
    channels: int = 3,
    background: Rgb = (255, 255, 255),
    name: str = "",
    at_least: int | None = None,
) -> Image.Image | Dropped:
    """As :func:`decode`, as an image of mode RGB or L.

    With ``at_least``, a JPEG much larger than that many pixels in both directions is decoded at
    a half, a quarter or an eighth of its size, never below twice ``at_least`` (the DCT scaling
    of libjpeg, several times faster).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded(data, "RGB" if channels == 3 else "L", background, at_least)
    except _RefusedError as refused:
        return Dropped(name, refused.reason, refused.detail)
    except Image.DecompressionBombError as bomb:
        return Dropped(name, Reason.TOO_MANY_PIXELS, _one_line(bomb))
    except UnidentifiedImageError:
        return Dropped(name, _unidentified(data), f"starts with {data[:8].hex(' ')}")
    except Exception as fault:  # noqa: BLE001 - decoders raise anything on hostile bytes
        truncated = "truncated" in str(fault).lower() or isinstance(fault, EOFError)
        reason = Reason.TRUNCATED if truncated else Reason.BROKEN
        return Dropped(name, reason, _one_line(fault))


def looks_like_image(head: bytes) -> bool:
    """Whether the first 16 bytes are the signature of one of :data:`FORMATS`."""
    signatures = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
    return head.startswith(signatures) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _unidentified(data: bytes) -> Reason:
    return Reason.BROKEN if looks_like_image(data[:16]) else Reason.NOT_AN_IMAGE


def _one_line(fault: Exception) -> str:
    return " ".join(f"{type(fault).__name__}: {fault}".split())[:200]


def _decoded(data: bytes, mode: str, background: Rgb, at_least: int | None) -> Image.Image:
    if not data:
        raise _RefusedError(Reason.EMPTY, "0 bytes")
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        _check_size(opened, len(data))
        if at_least is not None and opened.format == "JPEG":
            opened.draft(opened.mode, (2 * at_least, 2 * at_least))
        opened.load()
        if opened.format == "PNG":
            _check_png(opened, data)
        image = _flat(_eight_bit(opened), mode, background)
        return _upright(opened, image)


def _check_size(opened: Image.Image, length: int) -> None:
    """What the header declares, against what is decoded at all and what the bytes can hold."""
    width, height = opened.size
    if width * height > MAX_PIXELS:
        detail = f"{width}x{height} pixels; at most {MAX_PIXELS:,} are decoded"
        raise _RefusedError(Reason.TOO_MANY_PIXELS, detail)
    # Decoders paint grey what a JPEG lacks, without a word ("MPO": one with more views behind it).
    if opened.format in ("JPEG", "MPO") and width * height > JPEG_PIXELS_PER_BYTE * length:
        raise _RefusedError(Reason.TRUNCATED, f"{width}x{height} pixels in {length:,} bytes")


def _check_png(image: Image.Image, data: bytes) -> None:
    """The checksums of the pixels, and whether all rows are there: Pillow looks at neither.

    Rows that are missing come out as zeros, so that few images need to be inflated again.
    """
    header = b""
    parts: list[memoryview] = []
    for kind, body in _png_chunks(data):
        if kind == b"IHDR":
            header = header or bytes(body)
        elif kind == b"IDAT":
            parts.append(body)
    rows = image.crop((0, max(0, image.height - 2), *image.size)).tobytes()
    half = len(rows) // 2
    if any(rows[:half]) and any(rows[half:]):
        return
    needed = _png_bytes(header)
    if _inflated(parts, needed) < needed:
        raise _RefusedError(Reason.TRUNCATED, f"fewer than {needed:,} bytes of pixels")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks up to the end of the image, those of pixels with the right checksum (PNG 5.3)."""
    view, place = memoryview(data), 8
    while place + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        body = view[place + 8 : place + 8 + size]
        if kind == b"IEND":
            return
        if kind == b"IDAT":
            _check_pixels(body, size, view[place + 8 + size : place + 12 + size])
        yield kind, body
        place += 12 + size


def _check_pixels(body: memoryview, size: int, checksum: memoryview) -> None:
    if len(body) + len(checksum) < size + 4:
        raise _RefusedError(Reason.TRUNCATED, "a chunk of pixels breaks off")
    if zlib.crc32(body, zlib.crc32(b"IDAT")) != int.from_bytes(checksum):
        raise _RefusedError(Reason.BROKEN, "the checksum of its pixels is another")


def _png_bytes(header: bytes) -> int:
    """Bytes of all rows, each with the byte of its filter, by IHDR (PNG 11.2.2)."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", header)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    total = 0
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0:
            total += max(0, rows) * (1 + -(-columns * bits // 8))
    return total


def _inflated(parts: Iterable[memoryview], enough: int) -> int:
    """How many bytes the parts of a stream inflate to; not counted far beyond ``enough``."""
    inflater = zlib.decompressobj()
    total = 0
    for piece in _pieces(parts):
        rest: bytes | memoryview = piece
        while rest and total < enough:
            total += len(inflater.decompress(rest, INFLATE_BYTES))
            rest = inflater.unconsumed_tail
    return total


def _pieces(parts: Iterable[memoryview]) -> Iterator[memoryview]:
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield part[start : start + PIECE_BYTES]


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits by value; Pillow's own conversion would clip it at 255."""
    if not image.mode.startswith("I"):
        return image
    wide = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((np.minimum(wide, 65535) * 255 + 32767) // 65535).astype(np.uint8))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8)))
    return grey


def _flat(image: Image.Image, mode: str, background: Rgb) -> Image.Image:
    """Mode RGB or L, transparency laid over the background."""
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", layer.size, background)
        ground.paste(layer, mask=layer.getchannel("A"))
        image = ground
    if image.mode == mode:
        return image
    return image.convert("RGB").convert(mode) if image.mode == "CMYK" else image.convert(mode)


def _upright(opened: Image.Image, image: Image.Image) -> Image.Image:
    """Turned as EXIF says; broken EXIF data never costs an image."""
    try:
        turn = opened.getexif().get(0x0112)
    except Exception:  # noqa: BLE001 - the EXIF parser raises anything on hostile bytes
        return image
    return image.transpose(TURNS[turn]) if turn in TURNS else image
