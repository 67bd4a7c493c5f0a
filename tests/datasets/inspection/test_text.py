"""Words of strangers, made harmless."""

from __future__ import annotations

import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from animesearch.datasets.inspection.text import amount, number, one_line, quoted, share, valid

anything = st.text(st.characters(exclude_categories=()))


@given(anything)
def test_valid_text_has_an_encoding_and_stays_itself_where_it_had_one(text: str) -> None:
    valid(text).encode("utf-8")
    if not any(unicodedata.category(char) == "Cs" for char in text):
        assert valid(text) == text


@given(anything, st.integers(5, 300))
def test_a_line_steers_no_terminal(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in line)


def test_a_line_keeps_words() -> None:
    assert one_line("a\nb\x1b[31m\u202ec\u2028d \ud800") == "a b [31m c d \\ud800"
    assert one_line("x" * 30, 10) == "xxxxxxx..."


@given(anything)
def test_quoted_text_reads_back_as_yaml_on_one_plain_line(text: str) -> None:
    told = quoted(text)
    assert yaml.safe_load(told) == valid(text)
    assert one_line(told, len(told) + 3).replace(" ", "") == told.replace(" ", "")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0 %"), (9, 9, "100 %"), (1, 20_000, "<0.1 %"), (19_999, 20_000, "99.9 %"),
     (1, 8, "12.5 %"), (0, 0, "0 %")],
)  # fmt: skip
def test_shares(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_numbers_and_amounts() -> None:
    assert [number(value) for value in (1234.0, 95.5, 7)] == ["1,234", "95.5", "7"]
    sizes = (0, 999, 1000, 12_340_000, 5 * 10**9, 7 * 10**16)
    assert [amount(size) for size in sizes] == [
        "0 B", "999 B", "1.0 kB", "12.3 MB", "5.0 GB", "70,000.0 TB",
    ]  # fmt: skip
