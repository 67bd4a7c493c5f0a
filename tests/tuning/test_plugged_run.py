"""Whole searches with a plug-in's components, its file gone afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from animesearch.plugins import Plugin
from animesearch.results.folder import RunFolder
from animesearch.results.journal import segments
from tests.plugged import MARK, PLUGIN, SPACE, Command, command_with, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    return command_with(tmp_path_factory.mktemp("cache"))


def animesearch(command: Command, *arguments: str | Path, **environment: str) -> str:
    """Standard output of a command that succeeds."""
    done = command("-m", "animesearch", *arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search with the plug-in, whose file is gone."""
    folder = tmp_path_factory.mktemp("plugged")
    file, space = write(folder / "mine.py"), write(folder / "space.yaml", SPACE)
    said = animesearch(command, "run", "--space", space, "--plugin", file, "--out", folder / "run")
    assert f"plug-ins: {file}" in " ".join(said.split())
    file.unlink()
    return folder / "run"


def test_a_search_of_its_components(run: Path) -> None:
    """In Ray's worker processes: trained, and scored again on fresh samples."""
    folder = RunFolder.open(run)
    state, info = folder.state(), folder.info()
    assert [trial.state for trial in state.trials.values()] == ["completed"] * 2
    assert [trial.created.group for trial in state.trials.values()] == ["dense-pair"] * 2
    assert sum(trial.rescored is not None for trial in state.trials.values()) == 1
    plugin = Plugin("mine.py", PLUGIN.encode())
    assert info.plugins == {plugin.copy_name: plugin.digest}
    assert [file.name for file in folder.plugins.iterdir()] == [plugin.copy_name]


def test_instances_of_its_classes_reach_the_workers(command: Command, tmp_path: Path) -> None:
    """Ray unpickles them before any function of ours runs."""
    file, space = write(tmp_path / "mine.py"), write(tmp_path / "space.yaml", SPACE)
    animesearch(
        *(command, "run", "--space", space, "--plugin", file, "--out", tmp_path / "run"),
        *("--set", "metric.features=other-random", "--set", "dataset.source.name=other-faces"),
        *("--set", "search.trials=1"),
    )
    state = RunFolder.open(tmp_path / "run").state()
    assert [trial.state for trial in state.trials.values()] == ["completed"]


def test_generate_finds_it_and_rank_leaves_it(run: Path, command: Command, tmp_path: Path) -> None:
    mark = {MARK: str(tmp_path / "mark")}
    ranked = json.loads(animesearch(command, "rank", run, "--json", **mark))
    assert len(ranked["trials"]) == 2
    assert not (tmp_path / "mark").exists()
    animesearch(command, "generate", run, "-n", "4", "-o", tmp_path / "grid.png", **mark)
    assert (tmp_path / "mark").exists() and (tmp_path / "grid.png").is_file()


def test_resume_goes_on_with_the_copy(run: Path, command: Command, tmp_path: Path) -> None:
    """From the first trial's creation on: both trials are trained again, by new processes."""
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    folder = RunFolder.open(copied)
    for segment in segments(folder.journal)[2:]:
        segment.unlink()
    animesearch(command, "resume", copied)
    again, whole = folder.state(), RunFolder.open(run).state()
    assert again.outcome == "complete"
    assert {t.created.config_id for t in again.trials.values()} == {
        t.created.config_id for t in whole.trials.values()
    }


@pytest.mark.parametrize("verb", ["resume", "generate"])
def test_a_changed_copy_is_not_run(run: Path, command: Command, tmp_path: Path, verb: str) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    [file] = RunFolder.open(copied).plugins.iterdir()
    file.write_text(file.read_text() + "\n# changed\n")
    out = ["-o", str(tmp_path / "grid.png")] if verb == "generate" else []
    mark = tmp_path / "mark"
    done = command("-m", "animesearch", verb, copied, *out, **{MARK: str(mark)})
    assert done.returncode == 2 and not mark.exists()
    assert "was changed since the run began" in done.stderr and "Traceback" not in done.stderr


def test_a_dry_run_trains_its_components(command: Command, tmp_path: Path) -> None:
    file, space = write(tmp_path / "mine.py"), write(tmp_path / "space.yaml", SPACE)
    said = animesearch(command, "run", "--space", space, "--plugin", file, "--dry-run")
    assert "no search was started" in " ".join(said.split())
    assert sorted(tmp_path.iterdir()) == [file, space]
