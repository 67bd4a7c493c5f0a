"""Columns of a ranking: rich tables that keep their numbers in 80 columns, plain rows, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from animesearch.errors import UnknownNameError, did_you_mean
from animesearch.results.formats import NO_NUMBER, clean, finite, short, short_names
from animesearch.results.records import Scalar

LONGEST_REASON = 72
NARROWEST = 13
WIDEST_STATE = 24
STYLES: Mapping[str, str] = {
    "running": "cyan",
    "completed": "green",
    "pruned": "yellow",
    "collapsed": "red",
    "failed": "red",
    "pending": "dim",
}


class Row(Protocol):
    """What every row of a ranking has."""

    @property
    def place(self) -> int | None: ...

    @property
    def params(self) -> dict[str, Scalar]: ...


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column: its value as plain data, and as text for people.

    ``numeric`` ones stand at the right, ``wraps`` marks those that give way where a terminal is
    narrow, up to ``widest`` characters; ``ranked`` ones sort as the ranking does, because their
    numbers do not all mean the same.
    """

    header: str
    value: Callable[[R], Scalar]
    text: Callable[[R], str]
    numeric: bool = False
    wraps: bool = False
    widest: int | None = None
    ranked: bool = False
    style: Callable[[R], str] = lambda _: ""


def place_text(row: Row) -> str:
    """The place, a dash without one."""
    return NO_NUMBER if row.place is None else str(row.place)


def best_style(row: Row) -> str:
    """The first place stands out."""
    return "bold green" if row.place == 1 else ""


def parameter_columns(rows: Sequence[R]) -> dict[str, Column[R]]:
    """One column for each sampled parameter, by its dotted name."""
    names = list(dict.fromkeys(name for row in rows for name in row.params))
    labels = short_names(names)
    return {name: _parameter(name, labels[name], rows) for name in names}


def _parameter(name: str, header: str, rows: Sequence[R]) -> Column[R]:
    def text(row: R) -> str:
        return short(row.params[name]) if name in row.params else NO_NUMBER

    numeric = all(finite(row.params[name]) is not None for row in rows if name in row.params)
    return Column(header, lambda row: row.params.get(name), text, numeric, not numeric)


def without(
    columns: Mapping[str, Column[R]], taken: Mapping[str, Column[R]]
) -> dict[str, Column[R]]:
    """The columns whose names are not taken: a parameter may be called as a standard one is."""
    return {name: column for name, column in columns.items() if name not in taken}


def choose(known: Mapping[str, Column[R]], wanted: Iterable[str]) -> dict[str, Column[R]]:
    """The columns of these names, or of a header that only one of them has (``G.lr``).

    Raises :class:`UnknownNameError` for a name that none has.
    """
    names = [_found(name, known) for name in wanted]
    return {name: known[name] for name in names}


def _found(name: str, known: Mapping[str, Column[R]]) -> str:
    if name in known:
        return name
    headed = [other for other, column in known.items() if column.header == name]
    if len(headed) != 1:
        raise UnknownNameError(_unknown(name, list(known)))
    return headed[0]


def _unknown(name: str, known: Sequence[str]) -> str:
    hint = did_you_mean(name, known)
    return f"unknown column '{name}'{f', {hint}' if hint else '.'} Allowed: {', '.join(known)}"


def sort_rows(rows: Sequence[R], known: Mapping[str, Column[R]], by: str) -> list[R]:
    """The rows by a column, ascending, with a ``-`` before its name descending.

    Equal values stay in the order of the ranking, rows without a value come last.
    """
    (column,) = choose(known, [by.removeprefix("-")]).values()
    places = {id(row): place for place, row in enumerate(rows)}

    def key(row: R) -> tuple[bool, float, str]:
        value: Scalar = places[id(row)] if column.ranked else column.value(row)
        number = finite(value)
        return (number is None, number or 0.0, "" if value is None else str(value).lower())

    valued = [row for row in rows if _has_value(row, column)]
    rest = [row for row in rows if not _has_value(row, column)]
    return [*sorted(valued, key=key, reverse=by.startswith("-")), *rest]


def _has_value(row: R, column: Column[R]) -> bool:
    return column.value(row) not in {None, ""}


def plain_rows(rows: Iterable[R], columns: Mapping[str, Column[R]]) -> list[dict[str, Scalar]]:
    """One mapping a row, by column name: for JSON and CSV."""
    return [{name: column.value(row) for name, column in columns.items()} for row in rows]


def csv_text(rows: Iterable[Mapping[str, Scalar]], names: Sequence[str]) -> str:
    """RFC 4180 with a header line; what has no value is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([clean(name) for name in names])
    writer.writerows([_cell_value(row[name]) for name in names] for row in rows)
    return buffer.getvalue()


def _cell_value(value: Scalar) -> Scalar:
    return clean(value) if isinstance(value, str) else value


def table_of(rows: Sequence[R], columns: Mapping[str, Column[R]], caption: str) -> Group:
    """A table for a terminal, the lines of ``caption`` below it as wide as the terminal.

    Only text gives way where it is narrow, never a number.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    texts = [[column.text(row) for row in rows] for column in columns.values()]
    for column, cells in zip(columns.values(), texts, strict=True):
        table.add_column(
            Text(column.header),
            justify="right" if column.numeric else "left",
            no_wrap=not column.wraps,
            overflow="fold",
            min_width=NARROWEST if column.wraps else max(map(len, [column.header, *cells])),
            max_width=column.widest,
        )
    for place, row in enumerate(rows):
        styled = zip(columns.values(), texts, strict=True)
        table.add_row(*(Text(cells[place], style=column.style(row)) for column, cells in styled))
    return Group(table, Text(caption, style="dim"))
