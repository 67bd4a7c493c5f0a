"""Why an image is left out: one list of codes, for manifests, reports and tests.

The codes of reading and decoding are those of :class:`Reason`; cleaning steps, those of plug-ins
included, declare more.  A code has one meaning, whoever uses it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Codes of reading and decoding; they stand in manifests and never change their meaning."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not-an-image"
    TRUNCATED = "truncated"
    BROKEN = "broken"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_BYTES = "too-many-bytes"
    UNREADABLE = "unreadable"
    LINK = "link"
    NOT_A_FILE = "not-a-file"
    UNSAFE_PATH = "unsafe-path"
    TOO_DEEP = "too-deep"
    REPEATED_NAME = "repeated-name"
    SPARSE = "sparse"
    NO_CLASS = "no-class"
    ARCHIVE_BROKEN = "archive-broken"

    @property
    def meaning(self) -> str:
        """One line for people."""
        return MEANINGS[self]


MEANINGS: dict[Reason, str] = {
    Reason.EMPTY: "the file has no bytes",
    Reason.NOT_AN_IMAGE: "the content is not PNG, JPEG, WebP, GIF or BMP",
    Reason.TRUNCATED: "the image ends before its last pixel",
    Reason.BROKEN: "the image cannot be decoded",
    Reason.TOO_MANY_PIXELS: "the header declares more pixels than allowed",
    Reason.TOO_MANY_BYTES: "the file is larger than allowed",
    Reason.UNREADABLE: "the file cannot be read",
    Reason.LINK: "links are not followed",
    Reason.NOT_A_FILE: "a device, socket or pipe",
    Reason.UNSAFE_PATH: "the path leaves the archive",
    Reason.TOO_DEEP: "the folder is nested too deeply",
    Reason.REPEATED_NAME: "a later member of the archive has the same name",
    Reason.SPARSE: "sparse members are not read",
    Reason.NO_CLASS: "the file lies outside every class folder",
    Reason.ARCHIVE_BROKEN: "the archive cannot be read beyond this point",
}

CODE: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""What a code looks like."""

_DECLARED: Final[dict[str, str]] = {str(reason): text for reason, text in MEANINGS.items()}


def declare(reasons: Mapping[str, str]) -> None:
    """Makes codes known, each with its meaning in one line.

    Raises ``ValueError`` for a code that is no word of small letters, digits and hyphens, for one
    that has another meaning already, and for a meaning that is empty or longer than a line.
    """
    for code, text in reasons.items():
        if not CODE.fullmatch(code):
            raise ValueError(f"a reason's code is words like 'too-small', got {code!r}")
        if not text.strip() or "\n" in text:
            raise ValueError(f"reason '{code}' needs a meaning of one line, got {text!r}")
        known = _DECLARED.get(code, text)
        if known != text:
            raise ValueError(f"reason '{code}' means already: {known}; not: {text}")
    _DECLARED.update(reasons)


def meaning(code: str) -> str:
    """One line for people; for a code of a plug-in that is not loaded, words that say so."""
    importlib.import_module("animesearch.datasets.steps")
    return _DECLARED.get(code, f"'{code}', a reason of a step that is not loaded")


@dataclass(frozen=True)
class Dropped:
    """One image that was left out: its name, the reason's code, and what exactly was found."""

    name: str
    reason: str
    detail: str = ""
