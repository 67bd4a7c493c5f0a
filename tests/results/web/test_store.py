"""Runs that are followed: revisions, several runs in a folder, broken descriptions."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from animesearch.errors import RunFolderError
from animesearch.results.journal import Journal
from animesearch.results.web.store import Moment, Run, Store
from tests.results.scripted_run import created, reported, run_info
from tests.results.web.runs import unfinished, write_grid, write_run


def test_a_run_folder_is_a_store_of_one_run(tmp_path: Path) -> None:
    write_run(tmp_path / "mine")
    store = Store(tmp_path / "mine")
    assert store.single
    assert [run.key for run in store.runs()] == ["mine"]
    assert store.run("mine").moment().info == run_info(space={"search": {"grid": [2, 3]}})


def test_a_folder_of_runs_is_looked_through_each_time(tmp_path: Path) -> None:
    write_run(tmp_path / "b")
    (tmp_path / "no run").mkdir()
    store = Store(tmp_path)
    first = store.run("b")
    write_run(tmp_path / "a")
    (tmp_path / "latest").symlink_to(tmp_path / "a")
    assert [run.key for run in store.runs()] == ["a", "b"]
    assert store.run("a").key == "a"
    assert store.run("b") is first


@pytest.mark.parametrize("key", ["other", "..", "run/..", "", "/", "a\0b"])
def test_only_the_names_of_runs_are_runs(tmp_path: Path, key: str) -> None:
    write_run(tmp_path / "run")
    with pytest.raises(KeyError):
        Store(tmp_path).run(key)


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="neither a run folder nor a folder of them"):
        Store(tmp_path)
    with pytest.raises(RunFolderError, match="there is no folder"):
        Store(tmp_path / "none")


def test_a_moment_stays_the_same_until_something_changes(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", unfinished())
    run = Run(folder.path)
    first = run.moment()
    assert run.moment() is first
    Journal(folder.journal).append(created(9))
    second = run.moment()
    assert second.revision > first.revision
    assert ("t0009" in second.state.trials, "t0009" in first.state.trials) == (True, False)


def test_a_moment_is_not_changed_by_later_reports(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [created(0)])
    run = Run(folder.path)
    first = run.moment()
    Journal(folder.journal).append(reported(0, 0, 5.0))
    assert len(run.moment().state.trials["t0000"].rungs) == 1
    assert first.state.trials["t0000"].rungs == {}
    assert first.state.reports == []


def test_a_new_grid_is_a_change_too(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    run = Run(folder.path)
    first = run.moment()
    assert [grid.images for grid in first.grids["t0001"]] == [4000]
    write_grid(folder, "t0001", 8000)
    second = run.moment()
    assert second.revision > first.revision
    assert [grid.images for grid in second.grids["t0001"]] == [4000, 8000]
    assert second.grids["t0004"] == ()


def test_grids_are_named_by_their_images_and_nothing_else(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    grids = folder.trial("t0001") / "grids"
    (grids / "notes.png").write_bytes(b"")
    (grids / "000009000.jpg").write_bytes(b"")
    (grids / "000009001.png").symlink_to(grids / "000004000.png")
    (grids / ".000009002.png.abc").write_bytes(b"")
    assert [grid.images for grid in Run(folder.path).moment().grids["t0001"]] == [4000]


def test_another_run_in_the_same_place_is_read_anew(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    run = Run(folder.path)
    first = run.moment()
    for segment in folder.journal.iterdir():
        segment.unlink()
    folder.write_info(run_info(name="other", trials=3))
    Journal(folder.journal).append(created(0))
    second = run.moment()
    assert (second.info.name, list(second.state.trials)) == ("other", ["t0000"])
    assert second.revision > first.revision


def test_a_broken_description_is_told_and_comes_back(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    whole = folder.info_file.read_bytes()
    run = Run(folder.path)
    folder.info_file.write_bytes(whole[:40])
    with pytest.raises(RunFolderError, match="cannot be read as that of a run") as caught:
        run.moment()
    assert str(tmp_path) not in str(caught.value)
    folder.info_file.write_bytes(whole)
    assert len(run.moment().state.trials) == 6


def test_many_threads_see_whole_moments_while_the_run_grows(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [created(0)])
    run, seen, done = Run(folder.path), [], threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(run.moment())

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    journal = Journal(folder.journal)
    for number in range(1, 60):
        journal.append(created(number), reported(number, 0, float(number)))
    done.set()
    for thread in threads:
        thread.join()
    seen.append(run.moment())
    assert all(_is_whole(moment) for moment in seen)
    assert len(seen[-1].ranking) == 60


def _is_whole(moment: Moment) -> bool:
    """A trial and its report came in one segment: never one without the other."""
    reported_ones = {report.trial_id for report in moment.state.reports}
    return reported_ones == set(moment.state.trials) - {"t0000"}
