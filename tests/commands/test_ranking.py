"""``animesearch rank`` from its arguments to its output and exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from animesearch import cli
from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from animesearch.results.records import Event
from tests.results.scripted_run import final, race, run_info

Command: TypeAlias = Callable[..., tuple[int, str]]


@pytest.fixture
def rank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """``rank("a", "--json")`` beside the runs a and b of one protocol and c of another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    seeds = [event for k in range(2) for event in final(0, k, 4500.0 + 100 * k)]
    write(tmp_path / "a", [*race(), *seeds], floor=455.2)
    write(tmp_path / "b", race(), seed=4)
    write(tmp_path / "c", race(), protocol={"features": "lite0", "samples": 9, "data": "abc"})

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["animesearch", "rank", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
            raise SystemExit(0)
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out + captured.err

    return run


def write(path: Path, events: list[Event], **changes: Any) -> None:
    folder = RunFolder.create(path)
    folder.write_info(run_info(**changes))
    Journal(folder.journal).append(*events)


def test_one_run(rank: Command) -> None:
    code, text = rank("a")
    assert code == 0 and max(map(len, text.splitlines())) <= 80
    assert "4550.0 ± 70.7 (2)*" in text and "Floor: 455.20" in text


def test_json_of_one_run_is_its_own(rank: Command) -> None:
    code, text = rank("a", "--json")
    told = json.loads(text)
    assert code == 0 and told["floor"] == 455.2
    first = told["configurations"][0]
    assert (first["score"], first["n"], first["basis"]) == (4550.0, 2, "final")
    assert told["trials"][0]["trial_id"] == "t0000-s0"


def test_several_runs(rank: Command) -> None:
    code, text = rank("a", "b", "c", "a", "--columns", "place, run, trial, score")
    assert code == 0 and "fd-lite0: a, b" in text
    assert "apart, because samples is 9, not 1000" in text
    told = json.loads(rank("a", "b", "c", "--json")[1])
    assert [list(group["runs"]) for group in told["groups"]] == [["a", "b"], ["c"]]


def test_rows_and_columns(rank: Command) -> None:
    code, text = rank(
        "b", "--where", "score<5600", "--sort", "-place", "--columns", "place,kimg", "--csv"
    )
    assert code == 0 and text.split() == ["place,kimg", "3,8.0", "2,32.0", "1,32.0"]
    code, text = rank("a", "--trials", "--where", "phase=final", "--csv", "--columns", "trial")
    assert code == 0 and text.split() == ["run,trial", "a,t0000-s0", "a,t0000-s1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "no run folder"),
        (("a", "nowhere"), "no run folder"),
        (("a", "--columns", "scor"), "did you mean 'score'?"),
        (("a", "--sort", "-plac"), "did you mean 'place'?"),
        (("a", "--where", "fid<"), "filter, character"),
        (("a", "--json", "--csv"), "--json tells everything"),
        (("a", "--json", "--where", "n=1"), "--json tells everything"),
    ],
)
def test_mistakes_are_told(rank: Command, arguments: tuple[str, ...], said: str) -> None:
    code, text = rank(*arguments)
    assert code == 2 and text.startswith("animesearch: ") and said in text
