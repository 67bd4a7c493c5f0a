"""Words from a source of images, made harmless for terminals, pages and YAML.  Pure.

Names, labels and tags may come from anybody: they hold whatever a file system or JSON allows.
"""

from __future__ import annotations

import unicodedata
from typing import Final

CUT: Final = "..."


def valid(text: object) -> str:
    """Text that has a UTF-8 encoding: halves of surrogate pairs show as ``\\\\udXXX``."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: object, most: int = 200) -> str:
    """On one line of at most ``most`` characters.

    Without control, escape, bidirectional or surrogate characters.
    """
    safe = (" " if unicodedata.category(char)[0] in "CZ" else char for char in valid(text))
    line = " ".join("".join(safe).split())
    return line if len(line) <= most else line[: most - len(CUT)].rstrip() + CUT


def quoted(text: object) -> str:
    """As a double-quoted scalar of YAML 1.1, on one line, that reads back as the same text."""
    return f'"{"".join(map(_escaped, valid(text)))}"'


def _escaped(char: str) -> str:
    if char in '\\"':
        return f"\\{char}"
    if char == " " or unicodedata.category(char)[0] not in "CZ":
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else (f"\\U{code:08x}")
    )


def number(value: float) -> str:
    """With thousands apart, and no more than one decimal: ``1,234`` or ``1,234.5``."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def share(part: float, whole: float) -> str:
    """A part in per cent, never rounded to none or to all: ``<0.1 %``, ``12.3 %``, ``100 %``."""
    if part <= 0 or whole <= 0:
        return "0 %"
    percent = 100 * part / whole
    if part >= whole:
        return "100 %"
    if percent < 0.1:
        return "<0.1 %"
    return f"{min(percent, 99.9):.1f} %"


def amount(count: int) -> str:
    """Bytes in the unit that fits: ``12.3 MB``."""
    if count < 1000:
        return f"{count} B"
    power = min(4, (len(str(count)) - 1) // 3)
    return f"{count / 1000**power:,.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
