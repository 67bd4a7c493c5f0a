"""The ranking of configurations as a rich table, as plain rows, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group

from animesearch.results.columns import (
    LONGEST_REASON,
    STYLES,
    WIDEST_STATE,
    Column,
    best_style,
    parameter_columns,
    place_text,
    table_of,
    without,
)
from animesearch.results.configurations import RankedConfiguration, rank_configurations
from animesearch.results.floors import floor_words
from animesearch.results.formats import (
    NO_NUMBER,
    clean,
    configuration,
    decimals_of,
    kimg,
    score_text,
    shorten,
    varying,
)
from animesearch.results.ranking import cautions
from animesearch.results.records import RunInfo, Scalar, TrialState
from animesearch.results.state import RunState

Ranking = Sequence[RankedConfiguration]


def _score(row: RankedConfiguration) -> str:
    """``41.20 ± 1.05 (5)*``; a single run's number alone."""
    if row.score is None:
        return NO_NUMBER
    spread = "" if row.sd is None else f" ± {decimals_of(row.score, row.sd)} ({row.n})"
    return f"{score_text(row.score)}{spread}{'' if row.basis == 'race' else '*'}"


def _ties(row: RankedConfiguration) -> str:
    if row.first_place is None:
        return NO_NUMBER
    return f"{row.first_place}-{row.last_place}" if row.tied else ""


def _state(row: RankedConfiguration) -> str:
    """Of several runs how many failed, of one how it ended."""
    if row.runs > 1:
        return f"{_failed(row)} failed"
    return f"{row.state}: {clean(row.reason)}" if row.reason else row.state


def _style(row: RankedConfiguration) -> str:
    state: TrialState = "pruned" if row.score is not None and row.failed else row.state
    return STYLES[state]


def _failed(row: RankedConfiguration) -> str:
    return f"{row.failed} of {row.runs}"


def _number(header: str, name: str) -> Column[RankedConfiguration]:
    def value(row: RankedConfiguration) -> Scalar:
        found: Scalar = getattr(row, name)
        return found

    def text(row: RankedConfiguration) -> str:
        number = value(row)
        return score_text(number) if isinstance(number, float) else str(number or NO_NUMBER)

    return Column(header, value, text, numeric=True)


def _columns(metric: str, names: Sequence[str]) -> dict[str, Column[RankedConfiguration]]:
    """The columns that every ranking has; ``names`` are the parameters that differ."""
    return {
        "place": Column(
            "#", lambda r: r.place, place_text, numeric=True, ranked=True, style=best_style
        ),
        "ties": Column("ties", _ties, _ties),
        "run": Column("run", lambda r: r.run, lambda r: clean(r.run)),
        "trial": Column("best", lambda r: r.best_trial, lambda r: clean(r.best_trial)),
        "score": Column(
            clean(metric), lambda r: r.score, _score, numeric=True, ranked=True, style=best_style
        ),
        "sd": _number("sd", "sd"),
        "n": _number("n", "n"),
        "low": _number("95 % from", "low"),
        "high": _number("to", "high"),
        "interval": Column("interval", lambda r: r.interval, lambda r: r.interval or NO_NUMBER),
        "basis": Column("basis", lambda r: r.basis, lambda r: r.basis or NO_NUMBER),
        "samples": _number("samples", "samples"),
        "floor": _number("floor", "floor"),
        "failed": Column("failed", lambda r: r.failed, _failed, numeric=True),
        "runs": _number("runs", "runs"),
        "state": Column(
            "state",
            _state,
            lambda r: shorten(_state(r), LONGEST_REASON),
            wraps=True,
            widest=WIDEST_STATE,
            style=_style,
        ),
        "kimg": Column("kimg", lambda r: r.images / 1000, lambda r: kimg(r.images), numeric=True),
        "config": Column("config id", lambda r: r.config_id, lambda r: clean(r.config_id)),
        "configuration": Column(
            "configuration",
            lambda r: configuration(r.params, names),
            lambda r: configuration(r.params, names),
            wraps=True,
        ),
    }


def configuration_columns(metric: str, ranking: Ranking) -> dict[str, Column[RankedConfiguration]]:
    """Every column by name: the standard ones, and the parameters by their dotted names."""
    standard = _columns(metric, varying([ranked.params for ranked in ranking]))
    return {**standard, **without(parameter_columns(ranking), standard)}


def standard_columns(ranking: Ranking) -> list[str]:
    """What a table shows unless it is told: ties and runs where there are any; how far the trials
    came where each is a configuration of its own."""
    ties = ["ties"] if any(ranked.tied for ranked in ranking) else []
    run = ["run"] if len({ranked.run for ranked in ranking}) > 1 else []
    images = [] if any(ranked.runs > 1 for ranked in ranking) else ["kimg"]
    return ["place", *ties, *run, "trial", "score", "state", *images, "configuration"]


def configuration_table(info: RunInfo, state: RunState) -> Group:
    """The ranking of one run for a terminal, with everything that its reader must know."""
    ranking = rank_configurations(state)
    known = configuration_columns(info.metric, ranking)
    chosen = {name: known[name] for name in standard_columns(ranking)}
    said = [*info.notes, *cautions([state], ranking)]
    lines = [*legend(info.metric, ranking, [info.floor]), *said]
    return table_of(ranking, chosen, "\n".join(clean(line) for line in lines))


def legend(metric: str, ranking: Ranking, floors: Iterable[float | None]) -> list[str]:
    """What the signs of a table mean; ``floors`` are those of the runs in it."""
    lines = []
    if any(ranked.sd is not None for ranked in ranking):
        lines.append("a ± b (n): mean and standard deviation of n runs.")
    lines += [f"* {said}" for said in _fresh(ranking)]
    if any(ranked.tied for ranked in ranking):
        lines.append("ties: the places whose 95 % intervals overlap with this one's.")
    floor = floor_words(floors, ranking)
    lines.append(f"{metric}: lower is better.{f' Floor: {floor}.' if floor else ''}")
    return lines


def _fresh(ranking: Ranking) -> Iterator[str]:
    """On how many samples scores rest that are not the race's."""
    words = {
        "final": "runs from new seeds, each scored on {} fresh samples.",
        "fresh": "scored again on {} fresh samples after the race.",
    }
    for basis, said in words.items():
        counts = sorted({ranked.samples or 0 for ranked in ranking if ranked.basis == basis})
        if counts:
            yield said.format(" or ".join(f"{count:,}" for count in counts))
