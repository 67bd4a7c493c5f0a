"""Damaged PNG files, and large ones in next to no bytes; made without chance."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from animesearch.datasets.reasons import Reason

Reasons = frozenset[Reason]

EMPTY: Final = frozenset({Reason.EMPTY})
OTHER: Final = frozenset({Reason.NOT_AN_IMAGE})
BROKEN: Final = frozenset({Reason.BROKEN})
CUT: Final = frozenset({Reason.TRUNCATED, Reason.BROKEN})
"""Decoders tell an end that comes too early from damage only where they look for it."""
HUGE: Final = frozenset({Reason.TOO_MANY_PIXELS})
HUGE_OR_CUT: Final = HUGE | CUT
LINK: Final = frozenset({Reason.LINK})


class Case(NamedTuple):
    """The bytes of a file, and the reasons of which one must stand in the manifest."""

    data: bytes
    reasons: Reasons


Cases = dict[str, Case]


PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes, crc: int | None = None) -> bytes:
    """One chunk of a PNG; with a wrong checksum if one is given."""
    right = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc or right)


def header(width: int = 4, height: int = 4, depth: int = 8, colour: int = 2, *rest: int) -> bytes:
    """IHDR; ``rest`` are methods of compression, filtering and interlacing."""
    return struct.pack(">IIBBBBB", width, height, depth, colour, *(rest or (0, 0, 0)))


def rows(width: int = 4, height: int = 4, channels: int = 3) -> bytes:
    """IDAT's content: black rows."""
    return zlib.compress(bytes(height * (1 + width * channels)))


def png_of(*chunks: bytes) -> bytes:
    """A PNG of these chunks."""
    return PNG_MAGIC + b"".join(chunks)


HEAD: Final = chunk(b"IHDR", header())
DATA: Final = chunk(b"IDAT", rows())
END: Final = chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """``zlib.compress(bytes(count))`` in no time: equal blocks, and the checksum by its rule."""
    block = 1 << 24
    squeezer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = squeezer.compress(bytes(block)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    tail = last.compress(bytes(count % block)) + last.flush()
    adler = count % 65521 << 16 | 1
    return b"\x78\xda" + piece * (count // block) + tail + struct.pack(">I", adler)


@functools.cache
def bomb(edge: int = 30_000, channels: int = 3) -> bytes:
    """A whole PNG, all of whose black pixels are there: 2.7 GB in 2.7 MB."""
    colour = {1: 0, 3: 2, 4: 6}[channels]
    data = chunk(b"IDAT", zeros(edge * (1 + edge * channels)))
    return png_of(chunk(b"IHDR", header(edge, edge, 8, colour)), data, END)


def _png_headers() -> Iterator[tuple[str, bytes]]:
    for name, fields in {
        "no-width": (0, 4), "no-height": (4, 0), "depth-3": (4, 4, 3), "colour-5": (4, 4, 8, 5),
        "colour-depth": (4, 4, 16, 3), "filter-7": (4, 4, 8, 2, 0, 7, 0),
    }.items():  # fmt: skip
        yield name, png_of(chunk(b"IHDR", header(*fields)), DATA, END)
    yield "short-header", png_of(chunk(b"IHDR", header()[:9]), DATA, END)
    yield "no-header", png_of(DATA, END)
    yield "no-pixels", png_of(HEAD, END)
    yield "only-magic", PNG_MAGIC
    yield "only-end", png_of(END)
    yield "header-late", png_of(DATA, HEAD, END)
    yield (
        "no-palette",
        png_of(chunk(b"IHDR", header(4, 4, 8, 3)), chunk(b"IDAT", rows(4, 4, 1)), END),
    )


def _png_chunks() -> Iterator[tuple[str, bytes]]:
    yield "crc-header", png_of(chunk(b"IHDR", header(), 7), DATA, END)
    yield "crc-pixels", png_of(HEAD, chunk(b"IDAT", rows(), 7), END)
    palette = chunk(b"PLTE", bytes(12), 7)
    yield "crc-palette", png_of(chunk(b"IHDR", header(4, 4, 8, 3)), palette, DATA, END)
    half = len(rows()) // 2
    parts = chunk(b"IDAT", rows()[:half]), chunk(b"IDAT", rows()[half:], 9)
    yield "crc-second-pixels", png_of(HEAD, *parts, END)
    yield "crc-gamma", png_of(HEAD, chunk(b"gAMA", b"\0\0\1\1", 7), DATA, END)
    yield "chunk-name", png_of(HEAD, chunk(b"\0\1\2\3", b""), DATA, END)
    yield "length-huge", png_of(HEAD, b"\xff\xff\xff\xffIDAT" + DATA[8:], END)
    yield "length-huge-text", png_of(HEAD, b"\x7f\xff\xff\xfftEXt" + b"a\0b", DATA, END)
    yield "length-long", png_of(HEAD, struct.pack(">I", 500) + DATA[4:], END)
    yield "length-short", png_of(HEAD, struct.pack(">I", 3) + DATA[4:], END)
    yield "length-header", png_of(struct.pack(">I", 12) + HEAD[4:], DATA, END)


def _png_pixels() -> Iterator[tuple[str, bytes]]:
    def of(idat: bytes, *fields: int) -> bytes:
        return png_of(chunk(b"IHDR", header(*fields)), chunk(b"IDAT", idat), END)

    yield "too-few-rows", of(rows(4, 3))
    yield "no-deflate", of(b"these are no pixels")
    yield "empty-pixels", of(b"")
    yield "deflate-header", of(b"\0\0" + rows()[2:])
    yield "deflate-body", of(rows()[:2] + b"\xff" * 9)
    yield "deflate-dictionary", of(b"\x78\xbb" + rows()[2:])
    yield "filter-9", of(zlib.compress(b"\x09" + bytes(4 * 13 - 1)))
    yield "sixteen-as-eight", of(rows(48, 48, 1), 48, 48, 16, 0)
    yield "interlaced-short", of(rows(1, 3), 4, 4, 8, 2, 0, 0, 1)


def _png_extras() -> Iterator[tuple[str, bytes]]:
    bomb = zeros(80_000_000)
    yield "text-bomb", png_of(HEAD, chunk(b"zTXt", b"Comment\0\0" + bomb), DATA, END)
    yield "itext-bomb", png_of(HEAD, chunk(b"iTXt", b"Title\0\1\0en\0T\0" + bomb), DATA, END)
    yield "text-bomb-behind", png_of(HEAD, DATA, chunk(b"zTXt", b"Comment\0\0" + bomb), END)
    many = chunk(b"zTXt", b"Comment\0\0" + zeros(1_000_000))
    yield "text-bombs", png_of(HEAD, *[many] * 70, DATA, END)


def pngs() -> Cases:
    """Damaged headers, chunks, checksums, pixels and texts of PNG."""
    families = (*_png_headers(), *_png_chunks(), *_png_pixels(), *_png_extras())
    return {f"png-{name}.png": Case(data, CUT) for name, data in families}
