"""What ``animesearch rank`` prints: rows chosen, filtered and sorted, of one run or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rich.text import Text

from animesearch.results.columns import (
    Column,
    Row,
    choose,
    csv_text,
    plain_rows,
    sort_rows,
    table_of,
)
from animesearch.results.comparison import Group, what_differs
from animesearch.results.configurations import RankedConfiguration
from animesearch.results.filters import compile_filter, configuration_fields, filter_fields
from animesearch.results.formats import clean
from animesearch.results.leaderboard import configuration_columns, legend, standard_columns
from animesearch.results.ranking import Ranked, Run, cautions, rank
from animesearch.results.tables import STANDARD, caption, trial_columns

if TYPE_CHECKING:
    from rich.console import RenderableType

R = TypeVar("R", bound=Row)
NOTHING = "no trial has begun yet"


@dataclass(frozen=True)
class Choice:
    """Which rows and columns: a filter (all for none), a column to sort by (``-`` before it:
    descending), columns by name, and single trials in place of configurations."""

    where: str = ""
    sort: str | None = None
    columns: Sequence[str] | None = None
    trials: bool = False


@dataclass(frozen=True)
class Listing(Generic[R]):
    """Rows with every column that they have, the ones that are shown unless others are asked for,
    and the words around the table."""

    title: str
    rows: Sequence[R]
    known: Mapping[str, Column[R]]
    shown: Sequence[str]
    notes: Sequence[str]
    matches: Callable[[R], bool]

    def chosen(self, choice: Choice) -> list[R]:
        """The rows that the filter lets pass, sorted."""
        rows = [row for row in self.rows if self.matches(row)]
        return sort_rows(rows, self.known, choice.sort) if choice.sort else rows

    def table(self, choice: Choice) -> RenderableType:
        """For a terminal."""
        if not self.rows:
            return Text(NOTHING)
        rows = self.chosen(choice)
        columns = choose(self.known, choice.columns or self.shown)
        hidden = len(self.rows) - len(rows)
        left_out = [f"{hidden} more rows do not match the filter."] if hidden else []
        return table_of(rows, columns, "\n".join(map(clean, [*left_out, *self.notes])))

    def columns(self, choice: Choice) -> dict[str, Column[R]]:
        """For CSV: every column but those that repeat others in words."""
        names = choice.columns or [name for name in self.known if name not in REPEATING]
        return choose(self.known, names)


REPEATING = frozenset({"configuration", "ties"})


def tables_of(groups: Sequence[Group], choice: Choice) -> list[RenderableType]:
    """Each group's table, under a heading where there are several runs."""
    several = sum(len(group.runs) for group in groups) > 1
    parts: list[RenderableType] = []
    for group in groups:
        if several:
            parts.append(Text("\n".join(_heading(group, groups[0])), style="bold"))
        for listing in _listings(group, choice):
            if choice.trials and several:
                parts.append(Text(clean(listing.title)))
            parts.append(listing.table(choice))
    return parts


def csv_of(groups: Sequence[Group], choice: Choice) -> str:
    """All groups in one table, ``protocol`` telling them apart; a column of any group is one of
    all."""
    listings = [(group, listing) for group in groups for listing in _listings(group, choice)]
    names = dict.fromkeys(name for _, one in listings for name in one.columns(choice))
    apart = ["protocol"] if choice.columns is None or len(groups) > 1 else []
    apart += ["run"] if choice.trials else []
    rows = [
        {**dict.fromkeys(names), "protocol": group.protocol_id, "run": listing.title, **row}
        for group, listing in listings
        for row in plain_rows(listing.chosen(choice), listing.columns(choice))
    ]
    return csv_text(rows, [*apart, *names])


def _heading(group: Group, first: Group) -> Iterator[str]:
    metric = clean(group.protocol["metric"])
    yield f"{metric}: {', '.join(map(clean, group.runs))}"
    for one in what_differs(group, first):
        yield f"  apart, because {one.path} is {one.here}, not {one.there} as in the first table"


def _listings(group: Group, choice: Choice) -> Iterator[Listing[Any]]:
    if not choice.trials:
        yield _configurations(group, choice)
        return
    for name, run in group.runs.items():
        yield _trials(name, run, choice)


def _configurations(group: Group, choice: Choice) -> Listing[RankedConfiguration]:
    ranking, infos = group.ranking(), [info for info, _ in group.runs.values()]
    metric = infos[0].metric
    known = configuration_columns(metric, ranking)
    own = infos[0].notes if len(infos) == 1 else ()
    said = [
        *legend(metric, ranking, [info.floor for info in infos]),
        *own,
        *cautions([state for _, state in group.runs.values()], ranking),
    ]
    matches = compile_filter(choice.where, configuration_fields(metric, ranking))
    return Listing("", ranking, known, standard_columns(ranking), said, matches)


def _trials(name: str, run: Run, choice: Choice) -> Listing[Ranked]:
    info, state = run
    ranking = rank(state)
    matches = compile_filter(choice.where, filter_fields(info.metric, ranking))
    notes = caption(info, state, ranking)
    known = trial_columns(info.metric, ranking)
    return Listing(name, ranking, known, STANDARD, notes, matches)
