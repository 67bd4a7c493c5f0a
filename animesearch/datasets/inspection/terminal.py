"""An inspection for the terminal: whatever a source's names hold, it prints plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from animesearch.datasets.inspection.facts import counted, drops, facts
from animesearch.datasets.inspection.model import Inspection
from animesearch.datasets.inspection.text import one_line, share

NAMES = 3
"""Files that are named for each reason of a refusal."""
TAGS = 15
PAIRS = 8
NOTE = "dim"


def report(inspection: Inspection) -> Group:
    """The numbers, what cannot be used, what cleaning would drop, tags, and a suggestion."""
    return Group(*_parts(inspection))


def _parts(inspection: Inspection) -> Iterator[RenderableType]:
    yield Text(one_line(inspection.source), style="bold")
    yield _grid((about, found) for about, found in facts(inspection))
    if inspection.refused:
        yield _heading("Files that cannot be used")
        yield _table(_refused(inspection), right=(1,))
    if not inspection.usable:
        return
    yield _heading("What each cleaning step would drop by itself, with its defaults")
    yield _table(drops(inspection), right=(1, 2))
    for step in inspection.unasked:
        yield Text(f"{one_line(step.name)} was not asked: {one_line(step.why)}", style=NOTE)
    if inspection.labels:
        yield _heading("Labels")
        yield Text(counted(inspection.labels, 24))
    yield from _tags(inspection)
    yield _heading("A space file that would clean it")
    yield Text(inspection.suggestion.rstrip())


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _grid(rows: Iterable[Iterable[str]]) -> Table:
    return _table(rows, padding=(0, 2))


def _table(
    rows: Iterable[Iterable[str]], right: tuple[int, ...] = (), padding: tuple[int, int] = (0, 1)
) -> Table:
    """Columns as wide as they need, the last one wrapped."""
    listed = [[Text(cell) for cell in row] for row in rows]
    table = Table.grid(padding=padding)
    columns = len(listed[0]) if listed else 0
    for place in range(columns):
        last = place == columns - 1
        table.add_column(justify="right" if place in right else "left", no_wrap=not last)
    for row in listed:
        table.add_row(*row)
    return table


def _refused(inspection: Inspection) -> Iterator[tuple[str, str, str]]:
    for count in inspection.refused:
        names = ", ".join(one_line(example.name, 40) for example in count.examples[:NAMES])
        more = ", ..." if count.count > NAMES else ""
        yield count.code, f"{count.count:,}", f"{one_line(count.meaning)}: {names}{more}"


def _tags(inspection: Inspection) -> Iterator[RenderableType]:
    tags = inspection.tags
    if tags is None:
        return
    yield _heading("Images that carry a tag")
    total = inspection.usable
    yield _table(
        (
            (one_line(tag, 40), f"{count:,}", share(count, total))
            for tag, count in [*tags.counts.items()][:TAGS]
        ),
        right=(1, 2),
    )
    if len(tags.counts) > TAGS:
        yield Text(f"and {len(tags.counts) - TAGS:,} more (--json lists all)", style=NOTE)
    if tags.pairs:
        yield _heading("Tags that come together (lift 1: as often as by chance)")
        yield _table(
            (
                (f"{one_line(p.first, 30)} + {one_line(p.second, 30)}", f"{p.count:,}",
                 f"lift {p.lift:.2f}")
                for p in tags.pairs[:PAIRS]
            ),
            right=(1,),
        )  # fmt: skip
