"""Hostile and damaged files, made without chance, each with the reasons that may be given for it.

What a file is called lies as often as not: nothing may go by names.
"""

from __future__ import annotations

import functools
import gzip
import json
import struct
from typing import Final

import numpy as np
from PIL import Image

from tests.datasets.containers import zip_bytes
from tests.datasets.malformed_png import (
    CUT,
    EMPTY,
    END,
    HUGE,
    HUGE_OR_CUT,
    OTHER,
    Case,
    Cases,
    bomb,
    chunk,
    header,
    png_of,
    pngs,
    rows,
    zeros,
)
from tests.datasets.pictures import encoded, noise, png

SUFFIXES: Final = ("png", "jpg", "webp", "gif", "bmp")


def picture(seed: int, edge: int = 48) -> Image.Image:
    """Noise: no byte of the file can be missed."""
    return Image.fromarray(noise(seed, edge, edge))


@functools.cache
def originals() -> dict[str, bytes]:
    """A whole file of each format and of the ways to write it, by name and suffix."""
    rgb = picture(1)
    alpha = Image.fromarray(noise(2, 48, 48, 4))
    deep = Image.fromarray(noise(3, 48, 96, 1).view(np.uint16))
    return {
        "rgb.png": encoded(rgb), "rgba.png": encoded(alpha), "sixteen.png": encoded(deep),
        "palette.png": encoded(rgb.quantize(64)),
        "base.jpg": encoded(rgb, "JPEG", quality=90),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "lossy.webp": encoded(rgb, "WEBP", quality=90),
        "lossless.webp": encoded(rgb, "WEBP", lossless=True),
        "alpha.webp": encoded(alpha, "WEBP", quality=80),
        "plain.gif": encoded(rgb, "GIF"),
        "plain.bmp": encoded(rgb, "BMP"), "palette.bmp": encoded(rgb.quantize(64), "BMP"),
    }  # fmt: skip


SIGNATURE: Final = {"png": 8, "jpg": 3, "webp": 12, "gif": 6, "bmp": 2}
"""Bytes without which a file is not known for what it was."""


def cuts() -> Cases:
    """Each whole file cut off at many places, before, in and behind its headers."""
    found: Cases = {}
    for name, data in originals().items():
        signature = SIGNATURE[name.rpartition(".")[2]]
        inside = np.linspace(signature, 0.93 * len(data), 9).astype(int).tolist()
        for place in sorted({1, signature - 1, signature + 5, *inside}):
            reasons = CUT if place >= signature else OTHER
            found[f"cut-{place:05d}-{name}"] = Case(data[:place], reasons)
    return found


def without_segment(data: bytes, marker: int) -> bytes:
    """A JPEG without the segments of a marker."""
    kept, place = data[:2], 2
    while data[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        kept += b"" if data[place + 1] == marker else data[place:end]
        place = end
    return kept if marker == 0xDA else kept + data[place:]


def patched(data: bytes, place: int, new: bytes) -> bytes:
    """The same file with other bytes at a place."""
    return data[:place] + new + data[place + len(new) :]


def jpegs() -> Cases:
    """Segments that are missing or lie."""
    whole = originals()["base.jpg"]
    frame, tables, scan = (
        whole.index(b"\xff\xc0"),
        whole.index(b"\xff\xdb"),
        whole.index(b"\xff\xda"),
    )
    found = {
        "no-quantisation": without_segment(whole, 0xDB),
        "no-frame": without_segment(whole, 0xC0), "no-scan": without_segment(whole, 0xDA),
        "no-width": patched(whole, frame + 7, b"\0\0"),
        "no-height": patched(whole, frame + 5, b"\0\0"),
        "no-components": patched(whole, frame + 9, b"\0"),
        "nine-components": patched(whole, frame + 9, b"\x09"),
        "twelve-bits": patched(whole, frame + 4, b"\x0c"),
        "sampling-0": patched(whole, frame + 11, b"\0"),
        "sampling-15": patched(whole, frame + 11, b"\xff"),
        "table-9": patched(whole, frame + 12, b"\x09"),
        "frame-length": patched(whole, frame + 2, b"\0\x05"),
        "table-length": patched(whole, tables + 2, b"\0\0"),
        "table-length-long": patched(whole, tables + 2, b"\xff\xff"),
        "scan-components": patched(whole, scan + 4, b"\x07"),
        "scan-length": patched(whole, scan + 2, b"\0\x01"),
        "two-starts": whole[:2] * 400, "only-markers": whole[:2] + b"\xff\xe0\0\x02" * 300,
        "only-start-and-end": b"\xff\xd8\xff\xd9",
        "lossless-frame": patched(whole, frame + 1, b"\xc3"),
        "arithmetic-end": patched(whole, frame + 1, b"\xcb"),
    }  # fmt: skip
    return {f"jpeg-{name}.jpg": Case(data, CUT) for name, data in found.items()}


def gif_of(width: int, height: int, *blocks: bytes, colours: int = 2) -> bytes:
    """A GIF with a palette of black."""
    flags = 0x80 | (colours.bit_length() - 2)
    screen = struct.pack("<HHBBB", width, height, flags, 0, 0)
    return b"GIF89a" + screen + bytes(3 * colours) + b"".join(blocks) + b";"


def frame_of(box: tuple[int, int, int, int], lzw: bytes, code_size: int = 2) -> bytes:
    """One frame: left, top, width, height, and its compressed pixels."""
    blocks = b"".join(
        bytes([len(part)]) + part for part in (lzw[n : n + 255] for n in range(0, len(lzw), 255))
    )
    return b"," + struct.pack("<4HB", *box, 0) + bytes([code_size]) + blocks + b"\0"


FOUR_PIXELS: Final = b"\x04\x0a"
"""Clear, the code 0 four times in as many bits as they need, and the end."""


def gifs() -> Cases:
    """Frames that are missing or lie."""
    whole = originals()["plain.gif"]
    image = whole.index(b",", 13 + 768)
    found = {
        "no-frame": gif_of(4, 4), "no-size": gif_of(0, 0), "only-header": whole[:13],
        "frame-empty": gif_of(4, 4, frame_of((0, 0, 4, 4), b"")),
        "frame-short": gif_of(4, 4, frame_of((0, 0, 4, 4), FOUR_PIXELS[:1])),
        "code-size-13": patched(whole, image + 10, b"\x0d"),
        "code-size-255": patched(whole, image + 10, b"\xff"),
        "code-unknown": gif_of(4, 4, frame_of((0, 0, 4, 4), b"\xfc" + b"\xff" * 20)),
        "extension-only": gif_of(4, 4, b"!\xf9\x04\0\0\0\0\0"),
        "extension-open": gif_of(4, 4, b"!\xfe" + b"\xff" + b"a" * 40),
        "comment-endless": gif_of(4, 4, b"!\xfe" + (b"\xff" + b"a" * 255) * 40),
        "block-unknown": gif_of(4, 4, b"\x01\x02\x03" * 40),
    }  # fmt: skip
    return {f"gif-{name}.gif": Case(data, CUT) for name, data in found.items()}


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """A WebP of these chunks; with another declared size if one is given."""
    body = b"WEBP"
    for kind, data in chunks:
        body += kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """VP8X: a WebP with more than one chunk."""
    edges = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes([flags, 0, 0, 0]) + edges


def webps() -> Cases:
    """Chunks that are missing or lie."""
    lossy, lossless = originals()["lossy.webp"], originals()["lossless.webp"]
    found = {
        "no-chunk": riff(), "empty-chunk": riff((b"VP8 ", b"")), "unknown": riff((b"ABCD", b"xx")),
        "canvas-alone": riff(canvas(4, 4)), "animation-alone": riff(canvas(4, 4, 2)),
        "size-0": patched(lossy, 4, bytes(4)), "size-huge": patched(lossy, 4, b"\xff" * 4),
        "chunk-huge": patched(lossy, 16, b"\xff\xff\xff\x7f"),
        "start-code": patched(lossy, 23, b"abc"), "no-size": patched(lossy, 26, bytes(4)),
        "not-a-key-frame": patched(lossy, 20, bytes([lossy[20] | 1])),
        "partition": patched(lossy, 20, bytes([lossy[20], 0xFF, 0xFF])),
        "signature": patched(lossless, 20, b"\0"), "version": patched(lossless, 24, b"\xff"),
        "codes": patched(lossless, 25, b"\xff" * 40),
        "canvas-differs": riff(canvas(9, 9), (lossy[12:16], lossy[20:])),
        "broken-alpha": riff(canvas(48, 48, 16), (b"ALPH", b"\x01\xff\xff"), (b"VP8 ", lossy[20:])),
        "frame-short": riff(canvas(4, 4, 2), (b"ANIM", bytes(6)), (b"ANMF", bytes(5))),
        "frame-empty": riff(canvas(4, 4, 2), (b"ANIM", bytes(6)), (b"ANMF", bytes(16))),
    }  # fmt: skip
    return {f"webp-{name}.webp": Case(data, CUT) for name, data in found.items()}


def bmp_of(width: int, height: int, bits: int = 24, method: int = 0, data: bytes = b"") -> bytes:
    """A BMP with the usual header."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, method, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + info + data


def bmps() -> Cases:
    """Headers that lie."""
    whole = originals()["plain.bmp"]
    found = {
        "no-width": bmp_of(0, 4, data=bytes(64)),
        "no-pixels": bmp_of(4, 4), "bits-3": bmp_of(4, 4, 3, data=bytes(64)),
        "bits-0": bmp_of(4, 4, 0, data=bytes(64)), "method-9": bmp_of(4, 4, 8, 9, bytes(64)),
        "run-lengths": bmp_of(4, 4, 8, 1, b"\x02\x01\0\0"), "jpeg-inside": bmp_of(4, 4, 0, 4, b"x"),
        "header-size": patched(whole, 14, b"\x07\0\0\0"),
        "header-huge": patched(whole, 14, b"\xff\xff\xff\x7f"),
        "offset-huge": patched(whole, 10, b"\xff\xff\xff\x7f"),
        "colours-huge": patched(originals()["palette.bmp"], 46, b"\xff\xff\xff\x7f"),
        "only-magic": b"BM", "only-header": whole[:54],
    }  # fmt: skip
    return {f"bmp-{name}.bmp": Case(data, CUT) for name, data in found.items()}


def wrong_starts() -> Cases:
    """Good images of which the first bytes are not right, so that they are images of no format."""
    found: Cases = {}
    for name in ("rgb.png", "base.jpg", "lossy.webp", "plain.gif", "plain.bmp"):
        data = originals()[name]
        for what, start in {
            "zeroed": bytes(4), "swapped": data[3::-1], "flipped": bytes([data[0] ^ 1]),
            "text-mode": b"\xef\xbb\xbf" + data[:4],
        }.items():  # fmt: skip
            found[f"start-{what}-{name}"] = Case(patched(data, 0, start), OTHER)
    return found


def wrong_contents() -> Cases:
    """The first bytes of a format before something else."""
    starts = {name.rpartition(".")[2]: data for name, data in originals().items()}
    bodies = {
        "text": b"not an image at all. " * 40, "zeros": bytes(900), "ones": b"\xff" * 900,
        "noise": noise(9).tobytes(), "other": originals()["rgb.png"],
    }  # fmt: skip
    found: Cases = {}
    for suffix, data in starts.items():
        for what, body in bodies.items():
            start = data[: SIGNATURE[suffix]]
            found[f"content-{what}.{suffix}"] = Case(start + body, CUT)
    return found


def strangers() -> Cases:
    """Other kinds of files under the names of images."""
    words = {
        "words": b"hello", "space": b" \n" * 50, "zeros": bytes(4096), "ones": b"\xff" * 4096,
        "html": b"<!doctype html><title>404 Not Found</title>", "json": b'{"error": "not found"}',
        "xml": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>",
        "pointer": b"version https://git-lfs.github.com/spec/v1\nsize 9\n", "pdf": b"%PDF-1.7\n",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "xpm": b"/* XPM */\n",
        "program": b"\x7fELF" + bytes(60), "windows": b"MZ" + bytes(60),
        "movie": b"\0\0\0 ftypmp42",
        "heic": b"\0\0\0 ftypheic" + bytes(20), "avif": b"\0\0\0 ftypavif" + bytes(20),
        "jxl": b"\xff\x0a" + bytes(20), "ppm": b"P6 2 2 255\n" + bytes(12), "parquet": b"PAR1PAR1",
        "photoshop": b"8BPS" + bytes(30), "icon": b"\0\0\1\0\1\0" + bytes(20),
        "zip": zip_bytes({"inside.png": png(1)}), "gzip": gzip.compress(png(2), mtime=0),
        "unicode": "これは画像ではありません".encode("utf-16"), "null": json.dumps(None).encode(),
        "nested-json": b"[" * 5000,
        "tiff": encoded(picture(3), "TIFF"), "base64": b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB",
    }  # fmt: skip
    return {
        f"stranger-{name}.{SUFFIXES[place % 5]}": Case(data, OTHER)
        for place, (name, data) in enumerate(words.items())
    }


CERTAIN: Final = (
    "bomb.png", "declared.png", "most.png", "wide.png", "grey.png", "most.jpg", "canvas.gif",
    "most.bmp", "upside-down.bmp", "one-bit.bmp", "runs.bmp",
)  # fmt: skip
"""Right headers of too many pixels: any decoder must see that before anything else."""


def huge() -> Cases:
    """Declared sizes that no image has."""
    jpeg = originals()["base.jpg"]
    frame = jpeg.index(b"\xff\xc0")
    black = chunk(b"IDAT", rows())
    lossy, lossless = originals()["lossy.webp"], originals()["lossless.webp"]
    most = (16383 | 16383 << 14).to_bytes(4, "little")
    big = {
        "bomb.png": bomb(), "declared.png": png_of(chunk(b"IHDR", header(30_000, 30_000)), black),
        "most.png": png_of(chunk(b"IHDR", header(2**31 - 1, 2**31 - 1)), black, END),
        "wide.png": png_of(chunk(b"IHDR", header(2**31 - 1, 1)), black, END),
        "grey.png": png_of(chunk(b"IHDR", header(9_000, 9_000, 1, 0)), black, END),
        "unsigned.png": png_of(chunk(b"IHDR", header(2**32 - 1, 2**32 - 1)), black, END),
        "most.jpg": patched(jpeg, frame + 5, struct.pack(">HH", 65_500, 65_500)),
        "grown.jpg": patched(jpeg, frame + 5, struct.pack(">HH", 5_000, 5_000)),
        "past.jpg": patched(jpeg, frame + 5, struct.pack(">HH", 65_535, 65_535)),
        "canvas.gif": gif_of(65_535, 65_535, frame_of((0, 0, 1, 1), FOUR_PIXELS)),
        "frame.gif": gif_of(1, 1, frame_of((0, 0, 65_535, 65_535), FOUR_PIXELS)),
        "astray.gif": gif_of(4, 4, frame_of((65_000, 65_000, 65_000, 65_000), FOUR_PIXELS)),
        "canvas.webp": riff(canvas(16_384, 16_384), (b"VP8 ", lossy[20:])),
        "animated.webp": riff(canvas(16_384, 16_384, 2), (b"ANIM", bytes(6)), _tiny_frame(lossy)),
        "most.webp": riff(canvas(1 << 24, 1 << 24), (b"VP8 ", lossy[20:])),
        "lossy.webp": patched(lossy, 26, struct.pack("<HH", 16_383, 16_383)),
        "lossless.webp": patched(lossless, 21, most),
        "most.bmp": bmp_of(2**31 - 1, 2**31 - 1, data=bytes(64)),
        "negative.bmp": bmp_of(-(2**31), -(2**31), data=bytes(64)),
        "negative-width.bmp": bmp_of(-4, 4, data=bytes(64)),
        "upside-down.bmp": bmp_of(30_000, -30_000, data=bytes(64)),
        "one-bit.bmp": bmp_of(60_000, 60_000, 1, data=bytes(64)),
        "runs.bmp": bmp_of(30_000, 30_000, 8, 1, b"\xff\0" * 99 + b"\0\1"),
    }  # fmt: skip
    return {
        f"huge-{name}": Case(data, HUGE if name in CERTAIN else HUGE_OR_CUT)
        for name, data in big.items()
    }


def largest() -> dict[str, bytes]:
    """Whole images of 8,000 x 8,000 pixels, each in next to no bytes: as many as are decoded."""
    flat = encoded(Image.new("RGBA", (8, 8)), "WEBP", lossless=True)
    clear = chunk(b"tRNS", b"\0\0")
    deep = (
        chunk(b"IHDR", header(8_000, 8_000, 16, 0)),
        clear,
        chunk(b"IDAT", zeros(8_000 * 16_001)),
    )
    edges = (7_999 | 7_999 << 14 | 1 << 28).to_bytes(4, "little")
    return {"flat.webp": patched(flat, 21, edges), "deep.png": png_of(*deep, END)}


def _tiny_frame(lossy: bytes) -> tuple[bytes, bytes]:
    """ANMF of 48 x 48 pixels, the size of ``lossy``."""
    place = bytes(6) + (47).to_bytes(3, "little") * 2 + bytes(4)
    return b"ANMF", place + b"VP8 " + struct.pack("<I", len(lossy) - 20) + lossy[20:]


def empty() -> Cases:
    """No bytes at all."""
    return {f"empty.{suffix}": Case(b"", EMPTY) for suffix in (*SUFFIXES, "txt")}


@functools.cache
def malformed() -> Cases:
    """All of them: different names, different bytes but for those that have none."""
    families = (
        cuts, pngs, jpegs, gifs, webps, bmps, wrong_starts, wrong_contents, strangers, huge, empty,
    )  # fmt: skip
    return {name: case for family in families for name, case in family().items()}
