"""A ranking as a rich table that keeps its numbers in 80 columns, and as plain rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from animesearch.errors import UnknownNameError, did_you_mean
from animesearch.results.formats import (
    NO_NUMBER,
    clean,
    configuration,
    duration,
    finite,
    kimg,
    score_text,
    short,
    short_names,
    shorten,
    varying,
)
from animesearch.results.ranking import Ranked, notes, rank
from animesearch.results.records import RunInfo, Scalar
from animesearch.results.state import RunState

STANDARD = ("place", "trial", "score", "state", "kimg", "configuration")
LONGEST_REASON = 72
NARROWEST = 12
STYLES: Mapping[str, str] = {
    "running": "cyan",
    "completed": "green",
    "pruned": "yellow",
    "collapsed": "red",
    "failed": "red",
    "pending": "dim",
}


@dataclass(frozen=True)
class Column:
    """A column: its value as plain data, and as text for people."""

    header: str
    value: Callable[[Ranked], Scalar]
    text: Callable[[Ranked], str]
    numeric: bool = False
    wraps: bool = False


def _place(ranked: Ranked) -> str:
    return NO_NUMBER if ranked.place is None else str(ranked.place)


def _state(ranked: Ranked) -> str:
    return f"{ranked.state}: {clean(ranked.reason)}" if ranked.reason else ranked.state


def _short_state(ranked: Ranked) -> str:
    return shorten(_state(ranked), LONGEST_REASON)


def _score(ranked: Ranked) -> str:
    return score_text(ranked.score) + ("*" if ranked.fresh else "")


def _seconds(ranked: Ranked) -> str:
    return NO_NUMBER if ranked.device_seconds is None else duration(ranked.device_seconds)


def _columns(metric: str, names: Sequence[str]) -> dict[str, Column]:
    """The columns that every run has; ``names`` are the parameters that differ."""
    return {
        "place": Column("#", lambda r: r.place, _place, numeric=True),
        "trial": Column("trial", lambda r: r.trial_id, lambda r: clean(r.trial_id)),
        "score": Column(clean(metric), lambda r: r.score, _score, numeric=True),
        "race": Column(
            "race best", lambda r: r.race_best, lambda r: score_text(r.race_best), numeric=True
        ),
        "last": Column(
            "last", lambda r: r.last_score, lambda r: score_text(r.last_score), numeric=True
        ),
        "noise": Column("noise", lambda r: r.noise, lambda r: score_text(r.noise), numeric=True),
        "state": Column("state", _state, _short_state, wraps=True),
        "kimg": Column("kimg", lambda r: r.images / 1000, lambda r: kimg(r.images), numeric=True),
        "rungs": Column(
            "rungs", lambda r: r.rungs_survived, lambda r: str(r.rungs_survived), numeric=True
        ),
        "time": Column("time", lambda r: r.device_seconds, _seconds, numeric=True),
        "config": Column("config id", lambda r: r.config_id, lambda r: clean(r.config_id)),
        "seed": Column("seed", lambda r: r.seed, lambda r: str(r.seed), numeric=True),
        "configuration": Column(
            "configuration",
            lambda r: configuration(r.params, names),
            lambda r: configuration(r.params, names),
            wraps=True,
        ),
    }


def _parameter(name: str, header: str, numeric: bool) -> Column:
    def text(ranked: Ranked) -> str:
        return short(ranked.params[name]) if name in ranked.params else NO_NUMBER

    return Column(header, lambda ranked: ranked.params.get(name), text, numeric, not numeric)


def choose_columns(
    metric: str, ranking: Sequence[Ranked], columns: Sequence[str] | None = None
) -> dict[str, Column]:
    """The columns by name: of the standard ones, or dotted names of parameters.

    Raises :class:`UnknownNameError` for a name that is neither.
    """
    names = list(dict.fromkeys(name for ranked in ranking for name in ranked.params))
    known = _columns(metric, varying([ranked.params for ranked in ranking]))
    labels = short_names(names)
    for name in names:
        numeric = all(finite(r.params[name]) is not None for r in ranking if name in r.params)
        known.setdefault(name, _parameter(name, labels[name], numeric))
    wanted = STANDARD if columns is None else columns
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UnknownNameError(_unknown(unknown[0], list(known)))
    return {name: known[name] for name in wanted}


def _unknown(name: str, known: Sequence[str]) -> str:
    hint = did_you_mean(name, known)
    return f"unknown column '{name}'{f', {hint}' if hint else '.'} Allowed: {', '.join(known)}"


def ranking_rows(
    info: RunInfo,
    state: RunState,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[dict[str, Scalar]]:
    """The same table as plain values, one mapping a row, by column name: for JSON and CSV."""
    ranking = rank(state)
    chosen = choose_columns(info.metric, ranking, columns)
    return [
        {name: column.value(ranked) for name, column in chosen.items()}
        for ranked in ranking[:limit]
    ]


def ranking_table(
    info: RunInfo,
    state: RunState,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
) -> Table:
    """The ranking for a terminal: ``columns`` by name (:data:`STANDARD` by default), the first
    ``limit`` rows.  Only text columns give way where the terminal is narrow, never a number."""
    ranking = rank(state)
    chosen = choose_columns(info.metric, ranking, columns)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption_justify="left")
    for column in chosen.values():
        _add_column(table, column, [column.text(ranked) for ranked in ranking[:limit]])
    for ranked in ranking[:limit]:
        table.add_row(*(_cell(name, column, ranked) for name, column in chosen.items()))
    table.caption = Text(_caption(info, state, ranking, limit), style="dim")
    return table


def _add_column(table: Table, column: Column, texts: Sequence[str]) -> None:
    table.add_column(
        Text(column.header),
        justify="right" if column.numeric else "left",
        no_wrap=not column.wraps,
        overflow="fold",
        min_width=NARROWEST if column.wraps else max(map(len, [column.header, *texts])),
        max_width=24 if column.header == "state" else None,
    )


def _cell(name: str, column: Column, ranked: Ranked) -> Text:
    style = ""
    if name == "state":
        style = STYLES.get(ranked.state, "")
    elif name in ("place", "score") and ranked.place == 1:
        style = "bold green"
    return Text(column.text(ranked), style=style)


def _caption(info: RunInfo, state: RunState, ranking: Sequence[Ranked], limit: int | None) -> str:
    lines = []
    if limit is not None and len(ranking) > limit:
        lines.append(f"{len(ranking) - limit} more trials are not shown.")
    if any(ranked.fresh for ranked in ranking[:limit]):
        lines.append("* scored again on fresh samples after the race.")
    lines.append(f"{clean(info.metric)}: lower is better.")
    return "\n".join([*lines, *(clean(note) for note in notes(info, state))])
