"""Why an image is left out: one list of codes, for manifests, reports and tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Reason codes; their values stand in manifests and never change their meaning."""

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


@dataclass(frozen=True)
class Dropped:
    """One image that was left out: its name, the reason's code, and what exactly was found."""

    name: str
    reason: Reason
    detail: str = ""
