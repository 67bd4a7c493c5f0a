"""What an inspection says in a few lines, for the terminal and the page alike.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from animesearch.datasets.inspection.model import Inspection, Sizes
from animesearch.datasets.inspection.text import amount, number, one_line, share

NONE = "none"


class Fact(NamedTuple):
    """A line: what it is about, and what was found, both safe to print."""

    about: str
    found: str


class Line(NamedTuple):
    """What a step would drop for one reason, both safe to print."""

    step: str
    images: str
    part: str
    meaning: str


def facts(inspection: Inspection) -> tuple[Fact, ...]:
    """The lines, those on labels and tags only where there are any."""
    if not inspection.usable:
        return (Fact("Files", _files(inspection)),)
    lines = [
        Fact("Files", _files(inspection)),
        Fact("Formats", _formats(inspection)),
        Fact("Channels", _channels(inspection)),
        *([Fact("Sizes", _sizes(inspection.sizes))] if inspection.sizes else []),
        Fact("Exact copies", _copies(inspection)),
        Fact("Look-alikes", _near(inspection)),
        Fact("Black bars", counted(inspection.bars) or NONE),
        *([Fact("Labels", _labels(inspection))] if inspection.labels else []),
        *([Fact("Tags", _tags(inspection))] if inspection.tags else []),
    ]
    return tuple(lines)


def counted(counts: Mapping[str, int], most: int = 12) -> str:
    """``a 3, b 2 and 7 others``."""
    shown = ", ".join(f"{one_line(word, 40)} {count:,}" for word, count in [*counts.items()][:most])
    return f"{shown} and {len(counts) - most:,} others" if len(counts) > most else shown


def _files(inspection: Inspection) -> str:
    found, usable = inspection.found, inspection.usable
    kept = "all usable" if found == usable else f"{usable:,} usable images"
    return f"{found:,} found, {kept}; {amount(inspection.bytes)}"


def _with(first: str, notes: Mapping[str, int]) -> str:
    return "; ".join([first, *(f"{count:,} {note}" for note, count in notes.items() if count)])


def _formats(inspection: Inspection) -> str:
    notes = {"named like another format (the content decides)": inspection.misnamed}
    return _with(counted(inspection.formats), notes)


def _channels(inspection: Inspection) -> str:
    notes = {
        "may be transparent": inspection.alpha,
        "animated (the first frame counts)": inspection.animated,
        "turned by EXIF": inspection.turned,
    }
    return _with(counted(inspection.channels), notes)


def _sizes(sizes: Sizes) -> str:
    first = sizes.commonest[0]
    if sizes.different == 1:
        return f"all {first.width}x{first.height}"
    spreads = (
        f"{edge} {spread.least:,} to {spread.most:,} (median {number(spread.median)})"
        for edge, spread in (("width", sizes.width), ("height", sizes.height))
    )
    common = f"{first.width}x{first.height} most often ({first.count:,})"
    square = f"{share(sizes.square, 1)} square"
    return f"{sizes.different:,} different, {common}; {', '.join(spreads)}; {square}"


def _copies(inspection: Inspection) -> str:
    copies = inspection.copies
    if not copies.by_file and not copies.by_pixels:
        return NONE
    return (
        f"{copies.by_file:,} redundant by file, {copies.by_pixels:,} by pixels: "
        f"{copies.distinct_pixels:,} distinct images; {copies.groups:,} groups"
    )


def _near(inspection: Inspection) -> str:
    count = inspection.near_duplicates
    return f"{count:,} more look like an image that is kept" if count else NONE


def _labels(inspection: Inspection) -> str:
    counts = [*inspection.labels.values()]
    bare = f"; {inspection.unlabelled:,} images without" if inspection.unlabelled else ""
    least, most = min(counts), max(counts)
    span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,} classes of {span} images{bare}"


def _tags(inspection: Inspection) -> str:
    tags = inspection.tags
    if tags is None:
        return NONE
    return f"{tags.different:,} different; {tags.tagged:,} images with, {tags.untagged:,} without"


def drops(inspection: Inspection) -> Iterator[Line]:
    """What each step would drop, step by step, with those that would drop nothing."""
    for step in inspection.steps:
        sample = f" (sample of {step.asked:,})" if step.sampled else ""
        for code in step.codes:
            text = f"{one_line(code.meaning)}{sample}"
            yield Line(step.name, f"{code.count:,}", share(code.count, step.asked), text)
        if not step.codes:
            yield Line(step.name, "0", "", f"nothing to drop{sample}")
