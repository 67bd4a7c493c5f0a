"""Disks that are full or fail: while a checkpoint is written, while a record is, and afterwards."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.results.journal import Outlet, read_journal
from animesearch.results.state import TrialRecord
from animesearch.trainers.checkpoint import checkpoint_files
from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.driver import AT
from tests.faults.keeping.search import (
    BEGUN,
    FULL,
    WEIGHTS,
    Arrivals,
    Listening,
    Meanwhile,
    check_checkpoints,
    drive_keeping,
    leave_word,
    leftovers,
    read_number,
    stopped,
)
from tests.faults.machines import Machines, until
from tests.results.scripted_run import run_info
from tests.storage.disks import fill, mounted
from tests.tuning.scripted import RUNGS

TRIALS, REPORTS = 14, 24
"""At least so many scores arrive, and a few more."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for the search, and not much more."""
    with mounted(tmp_path / "disk", "24m") as folder:
        yield folder


def new_run(path: Path) -> RunFolder:
    run = RunFolder.create(path)
    run.write_info(run_info())
    return run


@contextmanager
def emptied(disk: Path) -> Iterator[None]:
    """There is room again at the end, whatever was found."""
    try:
        yield
    finally:
        (disk / "ballast").unlink(missing_ok=True)


def test_full_while_a_trial_writes_a_checkpoint(ray: Machines, disk: Path, tmp_path: Path) -> None:
    """There is room for a part of the file, or for nothing; the trial waits until there is."""
    run, words, view = new_run(disk / "run"), tmp_path / "words", Listening()
    rng, at, arrivals = random.Random(1), moments(1, REPORTS), Arrivals(run.path)

    def fault() -> None:
        for reports in at:
            arrivals.wait(reports)
            heard = len(view.said)
            leave_word(words / FULL, rng.randrange(4 * WEIGHTS))
            with emptied(disk):
                view.hear("no room left", "writing a checkpoint", since=heard)
                check_checkpoints(run)
            view.hear("writing a checkpoint", "works again", since=heard)

    with Meanwhile(fault):
        complete, _ = drive_keeping(run, TRIALS, words, view)
    assert complete
    undisturbed_in_the_end(run, words)


class Filling(RunFolder):
    """Its disk is full whenever it is ``armed`` and a segment is written."""

    armed = False

    def segment_outlet(self) -> Outlet:
        def full(name: str, content: bytes) -> None:
            if self.armed:
                self.armed = False
                fill(self.path.parent)

        return full


def test_full_while_a_record_is_written(ray: Machines, disk: Path, tmp_path: Path) -> None:
    """The decision does not act before it stands on the disk."""
    new_run(disk / "run")
    run, words, view = Filling.open(disk / "run"), tmp_path / "words", Listening()
    assert isinstance(run, Filling)
    arrivals = Arrivals(run.path)

    def fault() -> None:
        for reports in moments(2, REPORTS):
            arrivals.wait(reports)
            heard, run.armed = len(view.said), True
            with emptied(disk):
                view.hear("no room left", "writing the journal", since=heard)
                before = read_journal(run.journal)
            view.hear("writing the journal", "works again", since=heard)
            assert read_journal(run.journal)[: len(before)] == before

    with Meanwhile(fault):
        complete, _ = drive_keeping(run, TRIALS, words, view)
    assert complete
    undisturbed_in_the_end(run, words)


def undisturbed_in_the_end(run: RunFolder, words: Path) -> None:
    """The same search, no half of a file, and nobody had to be taken up again."""
    state = same_search(run.path, TRIALS)
    assert {trial.attempt for trial in state.trials.values()} == {1}
    check_checkpoints(run)
    assert leftovers(run) == []
    nothing_left(words)


def test_a_checkpoint_cut_in_half(ray: Machines, tmp_path: Path) -> None:
    """The newest one, of a trial whose process is killed: the one before it is used."""
    run, words, view = new_run(tmp_path / "run"), tmp_path / "words", Listening()
    rng, arrivals = random.Random(3), Arrivals(run.path)

    def fault() -> None:
        struck = 0
        for reports in moments(3, REPORTS):
            arrivals.wait(max(reports, struck + 1))  # who got nowhere has no retry left
            pid, name = frozen_trial(run, words, arrivals)
            before, newest = checkpoint_files(run.checkpoints(name))[-2:]
            struck = arrivals.count()
            os.truncate(newest, rng.randrange(newest.stat().st_size))
            (words / BEGUN / name).unlink()
            os.kill(pid, signal.SIGKILL)
            view.hear(name, str(newest), "the one before it is used")
            until((words / BEGUN / name).exists, "the trial is taken up again")
            rungs = read_number(words / BEGUN / name)
            assert RUNGS[rungs - 1] == int(before.stem.rpartition("-")[2])

    with Meanwhile(fault):
        complete, _ = drive_keeping(run, TRIALS, words, view, seconds=0.2)
    assert complete
    state = same_search(run.path, TRIALS)
    assert any(trial.attempt > 1 for trial in state.trials.values())
    check_checkpoints(run)
    nothing_left(words)


def frozen_trial(run: RunFolder, words: Path, arrivals: Arrivals) -> tuple[int, str]:
    """Process and name of a trial that stands still between two rungs, with two checkpoints."""
    found: list[tuple[int, str]] = []

    def there() -> bool:
        for record in arrivals.look().unfinished():
            if not between_rungs(run, record):
                continue
            pid = int((words / AT / record.trial_id).read_text())
            os.kill(pid, signal.SIGSTOP)
            until(lambda pid=pid: stopped(pid), "it stands still")
            if between_rungs(run, arrivals.look().trials[record.trial_id]):
                found.append((pid, record.trial_id))
                return True
            os.kill(pid, signal.SIGCONT)
        return False

    until(there, "a trial has two checkpoints")
    return found[0]


def between_rungs(run: RunFolder, record: TrialRecord) -> bool:
    """Whether the newest of several checkpoints has been decided on, and the trial goes on."""
    files = checkpoint_files(run.checkpoints(record.trial_id))
    if record.done or len(files) < 2 or not record.last:
        return False
    return files[-1].stem.endswith(f"-{record.last.images:012d}")
