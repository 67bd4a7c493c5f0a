"""How values and places of a space file are written in messages: short, and safe to print."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[str | int, ...]

MESSAGE_LIMIT = 300
_VALUE_LIMIT = 40
_PART_LIMIT = 48
_PATH_LIMIT = 160
_PASSWORD = re.compile(r"(://[^\s/:@]{0,256}):[^\s/@]{1,256}@")
"""Of a URL: ``://user:password@host``."""


def clean(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """``text`` of at most ``limit`` characters, on one line, control characters escaped, the
    passwords of URLs left out."""
    safe = _PASSWORD.sub(r"\1:***@", text)
    cut = safe if len(safe) <= limit else f"{safe[: limit - 1]}…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)


def has_password(text: str) -> bool:
    """Whether there is a URL with a password in ``text``."""
    return _PASSWORD.search(text) is not None


def show(value: object) -> str:
    """A value as the user would write it in YAML, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _show_integer(value)
    if isinstance(value, float):
        return f"{value:.8g}"
    if isinstance(value, str):
        return f"'{clean(value, _VALUE_LIMIT)}'"
    return _show_collection(value)


def _show_integer(value: int) -> str:
    if abs(value) < 10**20:
        return str(value)
    return f"an integer of {value.bit_length()} bits"


def _show_collection(value: object) -> str:
    if isinstance(value, dict):
        return f"a mapping with {_count(len(value), 'key')}"
    if isinstance(value, list | tuple):
        return f"a list of {_count(len(value), 'item')}"
    return clean(repr(value), _VALUE_LIMIT)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def dotted(path: Path) -> str:
    """``trial.loss.choice.1.penalty``, in the form that ``--set`` takes."""
    return clean(".".join(clean(str(part), _PART_LIMIT) for part in path), _PATH_LIMIT)


def listed(words: Iterable[object]) -> str:
    """Words joined by commas."""
    return ", ".join(str(word) for word in words)
