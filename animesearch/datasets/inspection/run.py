"""Looking at a source as it is: one pass over the images, and a second over a chosen few."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from animesearch.datasets.blocks import BLOCK_BYTES
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.inspection.findings import Findings, findings
from animesearch.datasets.inspection.gathered import Gathered
from animesearch.datasets.inspection.model import Inspection
from animesearch.datasets.inspection.plan import SAMPLE, Plan, default_steps, slow_steps
from animesearch.datasets.inspection.sheets import PAIRS, SINGLES, Sheet, sheets
from animesearch.datasets.inspection.survey import ROWS, survey_block, thumbnail_block
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.pipeline import over_blocks
from animesearch.datasets.sources.base import Listing, Progress
from animesearch.errors import DataError
from animesearch.storage.cache import default_cache

ROW_BYTES: Final = BLOCK_BYTES // ROWS
"""What an image counts for where the work is cut into blocks."""


@dataclass(frozen=True)
class Inspected:
    """What was found about a source, and what :func:`pictures` needs to show it."""

    inspection: Inspection
    plan: Plan
    gathered: Gathered
    found: Findings


def inspect(
    config: DatasetConfig,
    cache: Path | None = None,
    progress: Progress | None = None,
    sample: int = SAMPLE,
) -> Inspected:
    """Reads and measures every image of ``config.source``, with Ray Data (it must be up).

    Of the options only ``background`` counts beside the source, and ``size`` for images that it
    draws: ``steps`` are not applied.  Every registered cleaning step that works with its default
    options is asked what it would drop; a slow one about some ``sample`` images, chosen by their
    content.  In memory: some 120 bytes for an image, beside the listing and what the steps over the
    set take to compare.  ``progress`` is called with
    ``"hash"``, ``"look"`` and ``"compare"``, how much is done, and how much there is.

    Raises :class:`DataError` for a source that is missing, holds no file at all, or changes while
    it is read.
    """
    tell = progress or _silent
    root = (cache or default_cache()).expanduser().absolute()
    source = config.source.located()
    listing = source.listing(FileMemory(root / "seen"), tell)
    if not listing.items and not listing.refused:
        raise DataError(f"no files in {source.describe()}: there is nothing to inspect")
    steps, unasked = default_steps(listing)
    share = min(1.0, sample / max(1, len(listing.items)))
    plan = Plan(source, steps, slow_steps(steps), share, config.background, config.size)
    gathered = _gathered(plan, listing, tell)
    count = len(listing.items)
    tell("compare", 0, count)
    found = findings(config.source, gathered, plan.slow, unasked)
    tell("compare", count, count)
    return Inspected(found.inspection, plan, gathered, found)


def _silent(_stage: str, _done: int, _total: int) -> None:
    return


def _gathered(plan: Plan, listing: Listing, tell: Progress) -> Gathered:
    gathered, done, total = Gathered(listing, plan.steps), 0, len(listing.items)
    tell("look", done, total)
    if total:
        with closing(over_blocks(listing, ROW_BYTES, partial(survey_block, plan=plan))) as tables:
            for table in tables:
                gathered.add(table)
                done += table.num_rows
                tell("look", done, total)
    return gathered


def pictures(
    inspected: Inspected,
    progress: Progress | None = None,
    singles: int = SINGLES,
    pairs: int = PAIRS,
) -> tuple[Sheet, ...]:
    """Contact sheets of what was found, for :func:`~animesearch.datasets.inspection.page.page`.

    Reads the images that they show once more, with Ray Data; what has changed meanwhile is left
    out.  ``progress`` is called with ``"show"``.
    """
    empty = sheets(inspected.gathered, inspected.found, singles, pairs)
    wanted = sorted({place for sheet in empty for cell in sheet.cells for place in cell.places})
    thumbnails = _thumbnails(inspected, wanted, progress or _silent)
    filled = (sheet.filled(thumbnails) for sheet in empty)
    return tuple(sheet for sheet in filled if sheet.cells)


def _thumbnails(inspected: Inspected, wanted: Iterable[int], tell: Progress) -> dict[int, bytes]:
    listing = inspected.gathered.listing
    few = replace(listing, items=tuple(listing.items[place] for place in wanted))
    total, made = len(few.items), dict[int, bytes]()
    tell("show", 0, total)
    if total:
        task = partial(thumbnail_block, plan=inspected.plan)
        with closing(over_blocks(few, ROW_BYTES, task)) as tables:
            for table in tables:
                rows = zip(table["index"].to_pylist(), table["thumbnail"].to_pylist(), strict=True)
                made |= {place: data for place, data in rows if data is not None}
                tell("show", len(made), total)
    tell("show", total, total)
    return made
