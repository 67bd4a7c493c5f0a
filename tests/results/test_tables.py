"""The ranking of trials on a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from animesearch.errors import UnknownNameError
from animesearch.results.columns import choose, plain_rows
from animesearch.results.comparison import group_runs
from animesearch.results.lists import Choice, tables_of
from animesearch.results.ranking import rank
from animesearch.results.state import fold
from animesearch.results.tables import trial_columns
from tests.results.scripted_run import created, ended, race, reported, run_info


def printed(width: int, events: list[Any] | None = None, **options: Any) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    run = run_info(), fold(race() if events is None else events)
    for part in tables_of(group_runs({"run": run}), Choice(trials=True, **options)):
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_scores_and_names_are_whole_at_every_width(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    for whole in ("fd-lite0", "4590.9*", "4630.2*", "5400.0", "5700.0", "t0005"):
        assert whole in text


def test_80_columns_hold_the_whole_configuration() -> None:
    words = printed(80).split()
    for whole in ("penn-dcgan", "wgan-gp", "G.lr=6.23e-4", "D.lr=8.33e-5", "width=32"):
        assert whole in words


def test_a_collapsed_trial_has_no_number() -> None:
    line = next(line for line in printed(120).splitlines() if "t0003" in line)
    assert line.split()[:5] == ["-", "t0003", "-", "collapsed:", "mode-collapse"]


def test_texts_from_a_run_are_not_markup() -> None:
    events = [
        created(0, **{"[red]name": "[bold]x[/bold]"}),
        ended(0, "failed", message="[/]\x1b[2J"),
    ]
    text = printed(120, events)
    assert "[red]name=[bold]x[/bold]" in text
    assert "failed: [/] [2J" in text and "\x1b" not in text


def test_parameters_that_all_share_are_left_out() -> None:
    events = [created(0, lr=0.1, batch=64), created(1, lr=0.2, batch=64), reported(1, 0, 5.0)]
    text = printed(80, events)
    assert "lr=0.2" in text and "batch" not in text


def test_chosen_columns_and_parameters() -> None:
    text = printed(100, columns=["trial", "score", "race", "time", "generator.lr"])
    header = next(line for line in text.splitlines() if "trial" in line)
    assert header.split() == ["trial", "fd-lite0", "race", "best", "time", "G.lr"]
    assert "4534.1" in text and "40 s" in text and "1.23e-4" in text


def test_an_unknown_column_is_refused_with_a_hint() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'score'\?.*Allowed: place, trial"):
        printed(80, columns=["scor"])


def test_rows_are_plain_values() -> None:
    ranking = rank(fold(race()))
    columns = choose(trial_columns("fd-lite0", ranking), ["place", "score", "generator.lr"])
    rows = plain_rows(ranking, columns)
    assert rows[0] == {"place": 1, "score": 4590.9, "generator.lr": pytest.approx(1.234e-4)}
    assert rows[4]["score"] is None
