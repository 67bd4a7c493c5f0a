"""Headers of tars: what the standard library writes is read as it was meant."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.datasets.tarformat import (
    BLOCK,
    FOLDER,
    Member,
    TarFormatError,
    is_header,
    members,
)
from tests.datasets.pictures import add_member

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
LONG = "folder/" * 20 + "x" * 90
KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE,
         tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)  # fmt: skip


def written(names: list[str], kinds: list[bytes], style: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as tar:
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            has_content = kind in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
            add_member(tar, name, b"?" * (700 * place) if has_content else b"", kind)
    return buffer.getvalue()


def as_tarfile_has_it(data: bytes) -> list[tuple[str, bool, int, int]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(m.name, m.isdir(), m.size, m.offset_data) for m in tar]


def ours(data: bytes) -> list[Member]:
    return list(members(io.BytesIO(data), len(data)))


NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from(KINDS)), max_size=5), st.sampled_from(FORMATS[1:]))
def test_any_names_and_kinds(entries: list[tuple[str, bytes]], style: int) -> None:
    data = written([name for name, _ in entries], [kind for _, kind in entries], style)
    found = [(m.name, m.kind == FOLDER, m.size, m.offset) for m in ours(data)]
    assert found == as_tarfile_has_it(data)


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("name", [LONG, "é.png", "a" * 99, "a" * 100])
def test_long_names_of_every_format(name: str, style: int) -> None:
    data = written([name, "b.png"], [b"0", b"0"], style)
    assert [m.name for m in ours(data)] == [name, "b.png"]


def test_fields_of_the_pax_format_tell_sizes_and_names() -> None:
    info = tarfile.TarInfo("plain")
    info.size = BLOCK
    info.pax_headers = {"path": "told.png", "size": "3", "comment": "x=1\ny"}
    data = info.tobuf(tarfile.PAX_FORMAT) + b"abc".ljust(BLOCK, b"\0") + bytes(2 * BLOCK)
    assert [(m.name, m.size) for m in ours(data)] == [("told.png", 3)]


def test_large_sizes_are_binary_numbers() -> None:
    info = tarfile.TarInfo("big.png")
    info.size = 1 << 40
    block = info.tobuf(tarfile.GNU_FORMAT)
    found = members(io.BytesIO(block), BLOCK)
    assert next(found).size == 1 << 40
    with pytest.raises(TarFormatError, match="end of data"):
        next(found)


@pytest.mark.parametrize("style", FORMATS)
def test_every_damaged_byte_of_a_header_is_noticed(style: int) -> None:
    block = tarfile.TarInfo("name.png").tobuf(style)
    assert is_header(block)
    for place in {*range(BLOCK)} - {154, 155}:  # they end the number of the checksum
        damaged = bytes([*block[:place], block[place] ^ 0x11, *block[place + 1 :]])
        assert not is_header(damaged)
    assert not is_header(block[:-1])


def test_sums_of_signed_bytes_as_old_systems_had_them() -> None:
    block = bytearray(tarfile.TarInfo("é.png").tobuf(tarfile.GNU_FORMAT))
    block[148:156] = b" " * 8
    signed = sum(byte - 256 if byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\0 " % signed
    assert is_header(bytes(block))
