"""``animesearch cache``: what is kept of other places, and what goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from animesearch.cli import app
from animesearch.datasets.shared import fetched, upload
from animesearch.storage.mirror import Sender
from animesearch.storage.store import Store
from tests.datasets.pictures import png, write_folder
from tests.datasets.preparing import write_prepared
from tests.results.web.runs import write_run
from tests.storage.test_copies import left, process_using


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["cache", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_copies_are_listed_and_go(cache: Path) -> None:
    left(cache, "runs/x-1", 40, 2_000_000)
    left(cache, "datasets/0123", 50)
    assert said("list").splitlines()[-1] == f"{cache}: 2 entries, 0.00 GB"
    told = json.loads(said("list", "--json"))
    assert [(copy["kind"], copy["bytes"]) for copy in told] == [
        ("datasets", 1000), ("runs", 2_000_000),
    ]  # fmt: skip
    assert "would go: 1 entry" in said("prune", "--dry-run")
    assert said("prune", "--days", "60").endswith("gone: 0 entries, 0.00 GB\n")
    with process_using(cache / "runs/x-1"):
        assert said("list").splitlines()[1].endswith("  in use")
        assert "gone: 0 entries" in said("prune", "--days", "0")
    assert "runs/x-1  2 MB" in said("prune", "--gb", "0")
    assert [copy["kind"] for copy in json.loads(said("prune", "--prepared", "--json"))] == [
        "datasets"
    ]


def test_what_commands_of_this_process_read_is_in_use(
    cache: Path, url: str, tmp_path: Path
) -> None:
    """A run that was ranked, and a prepared set, both of a store."""
    Sender(Store.open(url), write_run(tmp_path / "run").path).push("")
    images = write_folder(tmp_path / "set", {f"a/{n}.png": png(n) for n in range(4)})
    upload(write_prepared(tmp_path / "p", images), Store.open(f"{url}-set"))
    ranked = CliRunner().invoke(app, ["rank", url], catch_exceptions=False)
    assert ranked.exit_code == 0, ranked.output
    folder = fetched(f"{url}-set").folder
    listed = said("list").splitlines()
    assert sum("  in use" in line for line in listed) == 2
    assert {"read", "fetched"} == {line.partition("/")[0] for line in listed[:-1]}
    assert "gone: 0 entries" in said("prune", "--days", "0") and folder.is_dir()
