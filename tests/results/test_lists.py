"""What ``animesearch rank`` prints: rows chosen, filtered, sorted; in 80 columns and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from rich.console import Console

from animesearch.errors import UnknownNameError, UserError
from animesearch.results.comparison import Group, group_runs
from animesearch.results.leaderboard import configuration_table
from animesearch.results.lists import NOTHING, Choice, csv_of, tables_of
from animesearch.results.records import Event
from animesearch.results.state import fold
from tests.results.scripted_run import created, final, race, reported, run_info

MORE = {"protocol": {"features": "lite0", "samples": 2000, "data": "abc"}}


def again() -> list[Event]:
    """The race, and two of its configurations from new seeds; one run of them collapsed."""
    scores = {0: [4600.0, 4637.5, 4675.0], 5: [4550.0, 4590.0]}
    events = [
        event
        for number, found in scores.items()
        for member, score in enumerate(found)
        for event in final(number, member, score)
    ]
    return [*race(), *events, *final(5, 2, None, "collapsed")]


def one(events: list[Event] | None = None, **changes: Any) -> list[Group]:
    return group_runs({"run": (run_info(**changes), fold(again() if events is None else events))})


def several() -> list[Group]:
    return group_runs(
        {
            "new": (run_info(floor=455.2), fold(again())),
            "old": (run_info(), fold(race())),
            "other": (run_info(**MORE), fold(race())),
        }
    )


def printed(groups: list[Group], width: int = 80, **choice: Any) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    for part in tables_of(groups, Choice(**choice)):
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_80_columns_hold_means_spreads_ties_and_failures() -> None:
    text = printed(one(floor=455.2))
    assert max(map(len, text.splitlines())) <= 80
    lines = [line.split() for line in text.splitlines()]
    assert ["#", "ties", "best", "fd-lite0", "state", "configuration"] in lines
    first = next(line for line in lines if "t0005-s0" in line)
    assert first[:8] == ["1", "1-2", "t0005-s0", "4570.0", "±", "28.3", "(2)*", "1"]
    assert first[8:11] == ["of", "3", "failed"]
    assert "4637.5 ± 37.5 (3)*" in text and "0 of 3 failed" in text
    assert "collapsed:" in text and "mode-collapse" in text
    for said in ("Floor: 455.20", "95 % intervals overlap", "5,000 fresh samples", "new seeds"):
        assert said in " ".join(text.split())


def test_the_floor_is_that_of_as_many_samples() -> None:
    """A floor of 1,000 samples is no floor for scores of 5,000."""

    def said(*floors: float | None, info: float | None = 455.2) -> str:
        finals = [event for number, floor in enumerate(floors)
                  for event in final(number, 0, 4600.0 + number, floor=floor)]  # fmt: skip
        text = " ".join(printed(one([*race(), *finals], floor=info)).split())
        return text.partition("lower is better.")[2].partition("images.")[0]

    between = "the distance between two halves of the real "
    assert said(None) == said(455.2) == f" Floor: 455.20, {between}"
    expected = f" Floor: 455.20 in the race, 98.10 at 5,000 samples: {between}"
    assert said(98.1, 98.1) == expected
    assert said(98.1, info=None) == f" Floor: 98.10 at 5,000 samples: {between}"
    text = csv_of(one([*race(), *final(0, 0, 4600.0, floor=98.1)], floor=455.2), Choice())
    assert [row["floor"] for row in rows_of(text)][:2] == ["98.1", ""]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_numbers_are_whole_at_every_width(width: int) -> None:
    text = printed(one(), width)
    assert max(map(len, text.splitlines())) <= width
    assert "4570.0 ± 28.3 (2)*" in text and "5700.0" in text


def test_a_race_without_repetitions_shows_how_far_each_came() -> None:
    text = printed(one(race()))
    assert "4590.9*" in text and "±" not in text.splitlines()[3]
    header = next(line for line in text.splitlines() if "best" in line)
    assert "kimg" in header and "ties" in header
    quiet = [created(0), reported(0, 0, 5.0), created(1), reported(1, 0, 6.0)]
    assert "ties" not in printed(one(quiet)), "nothing is known of noise here"


def test_runs_of_one_protocol_together_others_below_with_the_reason() -> None:
    text = printed(several(), columns=["place", "run", "trial", "score"])
    head, tail = text.split("fd-lite0: other")
    assert head.startswith("fd-lite0: new, old")
    assert "apart, because samples is 2000, not 1000 as in the first table" in tail
    first = next(line for line in head.splitlines() if "t0005-s0" in line)
    assert first.split()[:3] == ["1", "new", "t0005-s0"]
    assert [line.split()[0] for line in head.splitlines() if " old " in line][:2] == ["3", "4"]
    assert "1  other" in tail


def test_a_run_alone_needs_no_heading() -> None:
    assert not printed(one()).startswith("fd-lite0:")


def test_an_empty_run_says_so() -> None:
    assert printed(one([])) == f"{NOTHING}\n"


def test_chosen_columns_by_name_or_header() -> None:
    text = printed(one(), columns=["place", "config", "n", "sd", "low", "high", "G.lr"])
    header = next(line for line in text.splitlines() if "config" in line)
    assert header.split() == ["#", "config", "id", "n", "sd", "95", "%", "from", "to", "G.lr"]
    assert "1.23e-4" in text


def test_an_unknown_column_is_refused_with_all_names() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'score'\?.*Allowed: place, ties"):
        printed(one(), columns=["scor"])
    with pytest.raises(UnknownNameError, match="unknown column 'nothing'"):
        printed(one(), sort="nothing")


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("score", ["1", "2", "3", "4", "-", "-"]),
        ("-place", ["4", "3", "2", "1", "-", "-"]),
        ("kimg", ["-", "4", "-", "3", "1", "2"]),
        ("-failed", ["1", "-", "-", "2", "3", "4"]),
        ("architecture", ["2", "3", "-", "1", "4", "-"]),
    ],
)
def test_sorting_keeps_the_order_of_the_ranking_among_equals(sort: str, order: list[str]) -> None:
    text = printed(one(), sort=sort, columns=["place", "kimg", "failed"])
    found = [line.split()[0] for line in text.splitlines()[3:9]]
    assert found == order


def test_filters_leave_places_and_ties_as_they_are() -> None:
    text = printed(one(), where="architecture=progan and n>0", columns=["place", "ties"])
    assert [line.split() for line in text.splitlines()[3:5]] == [["1", "1-2"], ["4"]]
    assert "4 more rows do not match the filter." in text
    with pytest.raises(UserError, match="filter, character 1"):
        printed(one(), where="nonsense=3")


def test_single_trials() -> None:
    text = printed(one(), trials=True, where="phase=final", columns=["trial", "score", "phase"])
    assert text.count("final") == 6 and "t0000 " not in text
    assert "- final" in " ".join(text.split()), "the collapsed one has no number"
    both = printed(several(), trials=True, columns=["trial"])
    assert both.index("\nnew\n") < both.index("\nold\n") < both.index("\nother\n")


def test_csv_has_every_column_and_is_read_back() -> None:
    rows = rows_of(csv_of(one(), Choice()))
    assert len(rows) == 6 and rows[0]["protocol"]
    assert (rows[0]["score"], rows[0]["n"], rows[0]["interval"]) == ("4570.0", "2", "seeds")
    assert float(rows[0]["sd"]) == pytest.approx(28.284, abs=1e-3)
    assert (rows[4]["score"], rows[4]["place"], rows[4]["sd"]) == ("", "", "")
    assert rows[0]["generator.lr"] and "configuration" not in rows[0]


def test_csv_of_chosen_columns_and_of_several_runs() -> None:
    text = csv_of(one(), Choice(columns=["place", "score"], where="n=3"))
    assert text.splitlines() == ["place,score", "2,4637.5"]
    nothing = csv_of(one(), Choice(columns=["place", "score"], where="n=33"))
    assert nothing.splitlines() == ["place,score"]
    rows = rows_of(csv_of(several(), Choice(columns=["place", "run"])))
    assert len({row["protocol"] for row in rows}) == 2
    assert {row["run"] for row in rows} == {"new", "old", "other"}
    trials = rows_of(csv_of(one(), Choice(trials=True, columns=["trial"])))
    assert len(trials) == 12 and {row["run"] for row in trials} == {"run"}


def test_texts_of_a_run_are_harmless() -> None:
    events: list[Event] = [created(0, **{"[red]name": "[bold]x\x1b[2J\n,y"}), reported(0, 0, 5.0)]
    text = printed(one(events, name="n", notes=("\x1b[31mred",)), 120)
    assert "[red]name=[bold]x" in text and "\x1b" not in text
    (row,) = rows_of(csv_of(one(events), Choice()))
    assert row["[red]name"] == "[bold]x [2J ,y"


def test_the_table_at_the_end_of_a_run_has_its_notes() -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(configuration_table(run_info(notes=("data: 4,000 images",)), fold(again())))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "data: 4,000 images" in text and "4570.0 ± 28.3 (2)*" in text
