"""From facts about single images to what an inspection says of all of them.  Pure."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from animesearch.datasets.inspection.gathered import Gathered, Places
from animesearch.datasets.inspection.header import PIXELS
from animesearch.datasets.inspection.model import (
    Copies,
    Count,
    Example,
    Inspection,
    Pair,
    Size,
    Sizes,
    Spread,
    StepFinding,
)
from animesearch.datasets.inspection.model import Unasked as UnaskedPart
from animesearch.datasets.inspection.plan import Unasked
from animesearch.datasets.inspection.suggestion import suggested_yaml
from animesearch.datasets.inspection.tagstats import tag_statistics
from animesearch.datasets.inspection.text import valid
from animesearch.datasets.inspection.verdicts import (
    BARS,
    EXACT,
    NEAR,
    Verdicts,
    advised,
    verdicts_of,
)
from animesearch.datasets.reasons import Dropped, meaning
from animesearch.datasets.sources.base import SourceSpec

EXAMPLES: Final = 20
"""Images that are named for a reason."""
SIZES: Final = 12
"""Sizes that are told."""
NEAR_PAIRS: Final = 100
"""Pairs of near duplicates that are named, for a person to judge."""
SUFFIXES: Final = {
    "png": "PNG", "apng": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG",
    "webp": "WebP", "gif": "GIF", "bmp": "BMP", "dib": "BMP",
}  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """What is said, and what each step would drop; ``near`` are the near duplicates by place."""

    inspection: Inspection
    verdicts: tuple[Verdicts, ...]
    near: Places


def findings(
    source: SourceSpec,
    gathered: Gathered,
    slow: Collection[int] = (),
    unasked: Sequence[Unasked] = (),
) -> Findings:
    """Of a source as the user named it, and of all that was gathered about it.

    ``slow`` are the places of slow steps, ``unasked`` are those that were left alone.
    """
    usable = np.flatnonzero(gathered.usable)
    verdicts = tuple(
        verdicts_of(gathered, place, gathered.usable) for place in range(len(gathered.steps))
    )
    by_name = {one.step.name: one for one in verdicts}
    advice = [*advised(gathered, slow)]
    near = near_places(by_name)
    listing = gathered.listing
    refused = [*listing.refused, *gathered.dropped.values()]
    labels = Counter(listing.items[index].label for index in usable.tolist())
    inspection = Inspection(
        source=valid(source.describe()),
        found=len(listing.items) + len(listing.refused),
        usable=len(usable),
        bytes=sum(item.size for item in listing.items),
        refused=_refused(refused),
        formats=gathered.format.counts(),
        misnamed=_misnamed(gathered),
        channels=gathered.kind.counts(),
        alpha=int(gathered.alpha.sum()),
        animated=int(gathered.animated.sum()),
        turned=int((gathered.turn != 1).sum()),
        sizes=_sizes(gathered, usable),
        copies=_copies(gathered, usable, by_name.get(EXACT)),
        near_duplicates=len(near),
        near_pairs=_pairs(gathered, near, by_name.get(NEAR)),
        bars=_bars(by_name.get(BARS)),
        steps=tuple(_finding(gathered, one, len(usable)) for one in verdicts),
        unasked=tuple(UnaskedPart(name=one.name, why=valid(one.why)) for one in unasked),
        labels={valid(label): labels[label] for label in sorted(labels.keys() - {None}, key=str)},
        unlabelled=labels[None],
        tags=tag_statistics([gathered.tags(index) for index in usable.tolist()]),
        suggestion=suggested_yaml(source, advice, len(usable)),
        left=len(usable) - sum(one.drops for one in advice if one.taken),
    )
    return Findings(inspection, verdicts, near)


def near_places(by_name: Mapping[str, Verdicts]) -> Places:
    """Near duplicates that are no copies by pixels.

    Equal pixels have equal hashes, so the images that are kept of all are those that are kept of
    the distinct ones: what is left of the near duplicates is what would be dropped after the
    exact ones.
    """
    near, exact = (
        by_name[name].dropped if name in by_name else np.empty(0, np.int64)
        for name in (NEAR, EXACT)
    )
    return np.setdiff1d(near, exact)


def sampled(places: Places, most: int, seed: int = 0) -> Places:
    """At most so many of them, by lot, in their order."""
    if len(places) <= most:
        return places
    return np.sort(np.random.default_rng(seed).choice(places, most, replace=False))


def _refused(dropped: Iterable[Dropped]) -> tuple[Count, ...]:
    by_code: dict[str, list[Dropped]] = {}
    for drop in sorted(dropped, key=lambda drop: drop.name):
        by_code.setdefault(str(drop.reason), []).append(drop)
    counts = (
        _count(code, len(drops), [(drop.name, drop.detail) for drop in drops[:EXAMPLES]])
        for code, drops in by_code.items()
    )
    return _ordered(counts)


def _count(code: str, count: int, examples: Iterable[tuple[str, str]]) -> Count:
    shown = tuple(Example(name=valid(name), detail=valid(detail)) for name, detail in examples)
    return Count(code=code, meaning=meaning(code), count=count, examples=shown)


def _ordered(counts: Iterable[Count]) -> tuple[Count, ...]:
    return tuple(sorted(counts, key=lambda count: (-count.count, count.code)))


def _finding(gathered: Gathered, verdicts: Verdicts, usable: int) -> StepFinding:
    return StepFinding(
        name=verdicts.step.name,
        summary=type(verdicts.step).summary(),
        asked=verdicts.asked,
        drops=len(verdicts.dropped),
        sampled=verdicts.asked < usable,
        codes=_ordered(
            _count(code, len(places), explained(gathered, verdicts, places[:EXAMPLES]).values())
            for code, places in verdicts.codes.items()
        ),
    )


def explained(gathered: Gathered, verdicts: Verdicts, places: Places) -> dict[int, tuple[str, str]]:
    """Names of images that a step would drop, with what exactly it found, by their places."""
    items, chosen = gathered.listing.items, places.tolist()
    if verdicts.place in gathered.verdicts:
        details = gathered.details(verdicts.place, chosen)
    else:
        details = {index: items[kept].name for index, kept in verdicts.kept.items()}
    return {index: (items[index].name, details.get(index, "")) for index in chosen}


def _misnamed(gathered: Gathered) -> int:
    names = {number: word for word, number in gathered.format.words.items() if word != PIXELS}
    count = 0
    for index in np.flatnonzero(gathered.usable).tolist():
        suffix = posixpath.splitext(gathered.listing.items[index].name)[1][1:].lower()
        found = names.get(int(gathered.format.numbers[index]))
        count += found is not None and SUFFIXES.get(suffix, found) != found
    return count


def _sizes(gathered: Gathered, usable: Places) -> Sizes | None:
    if not len(usable):
        return None
    width, height = (edges[usable] for edges in gathered.upright())
    sizes, counts = np.unique(np.stack([width, height], axis=1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:SIZES]
    return Sizes(
        different=len(sizes),
        square=round(float((width == height).mean()), 4),
        width=_spread(width),
        height=_spread(height),
        commonest=tuple(
            Size(width=int(sizes[row, 0]), height=int(sizes[row, 1]), count=int(counts[row]))
            for row in order.tolist()
        ),
    )


def _spread(edges: NDArray[np.int32]) -> Spread:
    return Spread(least=int(edges.min()), median=float(np.median(edges)), most=int(edges.max()))


def _copies(gathered: Gathered, usable: Places, exact: Verdicts | None) -> Copies:
    hashes = {gathered.listing.items[index].sha256 for index in usable.tolist()}
    return Copies(
        total=len(usable),
        by_file=len(usable) - len(hashes),
        by_pixels=len(exact.dropped) if exact else 0,
        groups=len(set(exact.kept.values())) if exact else 0,
    )


def _pairs(gathered: Gathered, near: Places, verdicts: Verdicts | None) -> tuple[Pair, ...]:
    if verdicts is None:
        return ()
    chosen = explained(gathered, verdicts, sampled(near, NEAR_PAIRS)).values()
    return tuple(Pair(dropped=valid(name), kept=valid(kept)) for name, kept in chosen)


def _bars(bars: Verdicts | None) -> dict[str, int]:
    """By their kind, the word after ``bars-`` in the reason."""
    if bars is None:
        return {}
    return {code.removeprefix("bars-"): len(places) for code, places in bars.codes.items()}
