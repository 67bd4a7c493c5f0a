"""The ranking of single trials: its columns, and the lines below it."""

from __future__ import annotations

from collections.abc import Sequence

from animesearch.results.columns import (
    LONGEST_REASON,
    STYLES,
    WIDEST_STATE,
    Column,
    best_style,
    parameter_columns,
    place_text,
    without,
)
from animesearch.results.formats import (
    NO_NUMBER,
    clean,
    configuration,
    duration,
    kimg,
    score_text,
    shorten,
    varying,
)
from animesearch.results.ranking import Ranked, notes
from animesearch.results.records import RunInfo
from animesearch.results.state import RunState

STANDARD = ("place", "trial", "score", "state", "kimg", "configuration")


def _state(ranked: Ranked) -> str:
    return f"{ranked.state}: {clean(ranked.reason)}" if ranked.reason else ranked.state


def _score(ranked: Ranked) -> str:
    return score_text(ranked.score) + ("*" if ranked.fresh else "")


def _seconds(ranked: Ranked) -> str:
    return NO_NUMBER if ranked.device_seconds is None else duration(ranked.device_seconds)


def _columns(metric: str, names: Sequence[str]) -> dict[str, Column[Ranked]]:
    """The columns that every run has; ``names`` are the parameters that differ."""
    return {
        "place": Column(
            "#", lambda r: r.place, place_text, numeric=True, ranked=True, style=best_style
        ),
        "trial": Column("trial", lambda r: r.trial_id, lambda r: clean(r.trial_id)),
        "score": Column(
            clean(metric), lambda r: r.score, _score, numeric=True, ranked=True, style=best_style
        ),
        "race": Column(
            "race best", lambda r: r.race_best, lambda r: score_text(r.race_best), numeric=True
        ),
        "last": Column(
            "last", lambda r: r.last_score, lambda r: score_text(r.last_score), numeric=True
        ),
        "noise": Column("noise", lambda r: r.noise, lambda r: score_text(r.noise), numeric=True),
        "memorisation": Column(
            "memorised",
            lambda r: r.memorisation,
            lambda r: score_text(r.memorisation),
            numeric=True,
        ),
        "state": Column(
            "state",
            _state,
            lambda r: shorten(_state(r), LONGEST_REASON),
            wraps=True,
            widest=WIDEST_STATE,
            style=lambda r: STYLES.get(r.state, ""),
        ),
        "kimg": Column("kimg", lambda r: r.images / 1000, lambda r: kimg(r.images), numeric=True),
        "rungs": Column(
            "rungs", lambda r: r.rungs_survived, lambda r: str(r.rungs_survived), numeric=True
        ),
        "time": Column("time", lambda r: r.device_seconds, _seconds, numeric=True),
        "phase": Column("phase", lambda r: r.phase, lambda r: clean(r.phase)),
        "config": Column("config id", lambda r: r.config_id, lambda r: clean(r.config_id)),
        "seed": Column("seed", lambda r: r.seed, lambda r: str(r.seed), numeric=True),
        "configuration": Column(
            "configuration",
            lambda r: configuration(r.params, names),
            lambda r: configuration(r.params, names),
            wraps=True,
        ),
    }


def trial_columns(metric: str, ranking: Sequence[Ranked]) -> dict[str, Column[Ranked]]:
    """Every column by name: the standard ones, and the parameters by their dotted names."""
    standard = _columns(metric, varying([ranked.params for ranked in ranking]))
    return {**standard, **without(parameter_columns(ranking), standard)}


def caption(info: RunInfo, state: RunState, shown: Sequence[Ranked]) -> list[str]:
    """The lines below a table of trials."""
    fresh = any(ranked.fresh for ranked in shown)
    marks = ["* scored again on fresh samples after its training."] if fresh else []
    return [*marks, f"{info.metric}: lower is better.", *notes(info, state)]
