"""``animesearch fetch``, and other commands over a run in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from animesearch.cli import app
from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.storage.mirror import Sender
from animesearch.storage.store import Store
from tests.results.web.runs import write_run
from tests.storage.servers import SECRET


@pytest.fixture
def stored(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run at a URI."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    folder = write_run(tmp_path / "run")
    weights = folder.checkpoints("t0000") / "images-000000000100.ckpt"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    Sender(Store.open(place), folder.path).push("")
    return place


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    return result.output


def test_a_run_is_brought_home_twice(stored: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = said("fetch", stored, str(home), "--without-checkpoints")
    assert "files fetched" in first and not list(home.rglob("*.ckpt"))
    again = said("fetch", stored, str(home))
    assert f"{home}: 1 files fetched" in again and len(list(home.rglob("*.ckpt"))) == 1
    assert RunFolder.open(home).state() == RunFolder.open(tmp_path / "run").state()


def test_rankings_and_reports_of_a_stored_run(stored: str, tmp_path: Path) -> None:
    assert said("rank", stored, "--json") == said("rank", str(tmp_path / "run"), "--json")
    both = said("rank", stored, str(tmp_path / "run"))
    assert "t0000" in both
    said("report", stored, "-o", str(tmp_path / "report.html"))
    assert (tmp_path / "report.html").read_text().count("data:image") > 1


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("some/folder", "is no URI"),
        (f"s3://key:{SECRET}@bucket/x", "credentials are read from the environment"),
        ("ftp://host/x", "'ftp' are not read"),
    ],
)
def test_what_cannot_be_fetched(place: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=problem) as refused:
        said("fetch", place, str(tmp_path / "home"))
    assert SECRET not in str(refused.value)
