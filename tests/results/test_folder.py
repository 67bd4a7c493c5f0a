"""The run folder: nothing overwritten, one driver, clear errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from animesearch.errors import RunFolderError
from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from tests.results.scripted_run import race, run_info


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.create(tmp_path / "runs" / "first")
    folder.write_info(run_info())
    return folder


def test_create_makes_a_folder_and_takes_an_empty_one(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path / "a" / "b").path.is_dir()
    assert RunFolder.create(tmp_path / "a" / "b").path.is_dir()


def test_create_refuses_a_run_and_says_how_to_go_on(run: RunFolder) -> None:
    before = run.info_file.read_bytes()
    with pytest.raises(RunFolderError, match=r"not empty.*animesearch resume"):
        RunFolder.create(run.path)
    assert run.info_file.read_bytes() == before


def test_create_refuses_a_folder_of_other_things_without_offering_resume(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match="not empty") as caught:
        RunFolder.create(tmp_path)
    assert "resume" not in str(caught.value)


def test_create_refuses_a_file_and_a_path_through_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.create(file)
    with pytest.raises(RunFolderError):
        RunFolder.create(file / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_create_refuses_where_it_may_not_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RunFolderError, match="cannot make"):
            RunFolder.create(tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)


def test_open_refuses_what_is_no_run(tmp_path: Path, run: RunFolder) -> None:
    with pytest.raises(RunFolderError, match="there is no run folder"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(RunFolderError, match=r"has no run\.json"):
        RunFolder.open(tmp_path)
    assert RunFolder.open(run.path).info() == run_info()


@pytest.mark.parametrize("content", ["", "{", '{"format": 2}', "[]"])
def test_a_broken_or_foreign_description_is_a_clear_error(run: RunFolder, content: str) -> None:
    run.info_file.write_text(content)
    with pytest.raises(RunFolderError, match="cannot be read as a run of format 1"):
        run.info()


def test_the_state_is_that_of_the_journal(run: RunFolder) -> None:
    assert run.state().trials == {}
    Journal(run.journal).append(*race())
    assert len(run.state().trials) == 6


@pytest.mark.parametrize("name", ["..", "../../etc", "a/b", "", "t0\x00", "%2e%2e", ".", "t0\n"])
def test_a_trial_folder_never_leads_out_of_the_run(run: RunFolder, name: str) -> None:
    with pytest.raises(RunFolderError, match="not the name of a trial"):
        run.trial(name)
    assert run.trial("t0007") == run.path / "trials" / "t0007"


HOLD = """
import sys
from pathlib import Path
from animesearch.results.folder import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def hold(run: RunFolder) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_until_the_first_is_gone(run: RunFolder) -> None:
    process = hold(run)
    try:
        with pytest.raises(RunFolderError, match="is in use"), run.lock():
            pass
    finally:
        process.kill()
        process.communicate()
    with run.lock():
        pass


def test_the_lock_is_free_again_after_an_error_inside(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="inside"), run.lock():
        raise ValueError("inside")
    with run.lock():
        pass


def test_a_lock_in_a_folder_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot write"), RunFolder(tmp_path / "x").lock():
        pass


READER = """
import sys
from importlib.abc import MetaPathFinder

class Block(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "ray", "optuna"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
from pathlib import Path
from rich.console import Console
from animesearch.results import (
    folder, journal, leaderboard, live, plain, ranking, records, state, tables, views, wall
)
run = folder.RunFolder.open(Path(sys.argv[1]))
Console(width=80).print(leaderboard.configuration_table(run.info(), run.state()))
"""


def test_a_copied_run_is_ranked_without_torch_and_ray(run: RunFolder) -> None:
    Journal(run.journal).append(*race())
    done = subprocess.run(
        [sys.executable, "-c", READER, str(run.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "4590.9*" in done.stdout


def test_a_disk_too_full_to_begin_is_said(tmp_path: Path) -> None:
    RunFolder.refuse_full_disk(tmp_path / "new" / "run")
    with pytest.raises(RunFolderError, match=r"too full to begin: .* MB are free.*--out"):
        RunFolder.refuse_full_disk(tmp_path / "new" / "run", needed=10**18)
