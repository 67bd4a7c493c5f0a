"""The journal: whole segments in order, one writer, no holes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from animesearch.errors import RunFolderError
from animesearch.results.journal import Journal, read_journal, segments
from animesearch.results.records import Event, RunOpened
from tests.results.scripted_run import race
from tests.storage.clocks import Clock, patient
from tests.storage.disks import fill


def opened(session: int) -> RunOpened:
    return RunOpened(at=float(session), session=session)


def sessions(events: list[Event]) -> list[int]:
    return [event.session for event in events if isinstance(event, RunOpened)]


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    events = race()
    journal.append(*events[:3])
    for event in events[3:]:
        journal.append(event)
    assert read_journal(tmp_path / "journal") == events
    assert [path.name for path in segments(tmp_path / "journal")][:2] == [
        "00000001.json",
        "00000002.json",
    ]


def test_an_absent_and_an_empty_journal_hold_nothing(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none") == []
    Journal(tmp_path / "journal").append()
    assert read_journal(tmp_path / "journal") == []


def test_a_second_session_goes_on_behind_the_first(tmp_path: Path) -> None:
    for session in (1, 2, 3):
        Journal(tmp_path).append(opened(session))
    assert sessions(read_journal(tmp_path)) == [1, 2, 3]


def test_a_segment_is_followed_by_the_next_number_beyond_ten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for session in range(1, 13):
        journal.append(opened(session))
    Journal(tmp_path).append(opened(13))
    assert sessions(read_journal(tmp_path)) == list(range(1, 14))


def test_a_gap_is_an_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for session in (1, 2, 3):
        journal.append(opened(session))
    (tmp_path / "00000002.json").unlink()
    with pytest.raises(RunFolderError, match="segment 2 of the journal is missing"):
        read_journal(tmp_path)


def test_a_missing_first_segment_is_an_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(opened(1))
    journal.append(opened(2))
    (tmp_path / "00000001.json").unlink()
    with pytest.raises(RunFolderError, match="segment 1 "):
        read_journal(tmp_path)


def test_half_written_temporary_files_and_strangers_are_not_segments(tmp_path: Path) -> None:
    Journal(tmp_path).append(opened(1))
    (tmp_path / ".segment.0123").write_bytes(b'[{"kind": "run-op')
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "\u00b2.json").write_text("{}")
    assert sessions(read_journal(tmp_path)) == [1]
    Journal(tmp_path).append(opened(2))
    assert sessions(read_journal(tmp_path)) == [1, 2]


def test_a_torn_segment_is_an_error_that_names_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(opened(1))
    journal.append(opened(2))
    torn = tmp_path / "00000002.json"
    torn.write_bytes(torn.read_bytes()[:-10])
    with pytest.raises(RunFolderError, match=r"00000002\.json is not a segment"):
        read_journal(tmp_path)


def test_a_second_writer_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    first, second = Journal(tmp_path), Journal(tmp_path)
    first.append(opened(1))
    with pytest.raises(RunFolderError, match="another process writes this run"):
        second.append(opened(99))
    first.append(opened(2))
    assert sessions(read_journal(tmp_path)) == [1, 2]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


def test_a_full_disk_is_a_clear_error_and_the_journal_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append(opened(1))
    with monkeypatch.context() as patch:

        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(RunFolderError, match="No space left"):
            journal.append(opened(2))
    assert sessions(read_journal(tmp_path)) == [1]
    journal.append(opened(2))
    assert sessions(read_journal(tmp_path)) == [1, 2]


def test_a_file_system_without_hard_links_keeps_the_order_and_the_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    first, second = Journal(tmp_path), Journal(tmp_path)
    first.append(opened(1))
    with pytest.raises(RunFolderError, match="another process"):
        second.append(opened(99))
    first.append(opened(2))
    assert sessions(read_journal(tmp_path)) == [1, 2]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


def test_a_segment_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        Journal(tmp_path).append(opened(1))
    finally:
        os.umask(before)
    assert (tmp_path / "00000001.json").stat().st_mode & 0o777 == 0o644


WRITER = """
import sys
from pathlib import Path
from animesearch.results.journal import Journal
from animesearch.results.records import RunOpened
journal = Journal(Path(sys.argv[1]))
for session in range(1, 10_000):
    journal.append(RunOpened(at=0.0, session=session), RunOpened(at=0.5, session=session))
    if session == 20:
        sys.stdout.write("going\\n")
        sys.stdout.flush()
"""


def test_readers_beside_a_writer_that_is_killed_see_whole_segments(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(20):
            assert len(read_journal(tmp_path)) % 2 == 0
    finally:
        writer.kill()
        writer.communicate()
    events = read_journal(tmp_path)
    assert len(events) >= 40
    assert sessions(events)[::2] == list(range(1, len(events) // 2 + 1))
    Journal(tmp_path).append(opened(0))
    assert len(read_journal(tmp_path)) == len(events) + 1


def test_a_really_full_disk_is_waited_for(small_disk: Path) -> None:
    """Nothing is lost and nothing doubled; whoever waits is told."""
    said: list[str] = []
    clock = Clock(then=lambda count: ballast.unlink() if count == 6 else None)
    journal = Journal(small_disk / "journal", patience=patient(clock, said))
    journal.append(opened(1))
    ballast = fill(small_disk)
    journal.append(opened(2))
    assert sessions(read_journal(small_disk / "journal")) == [1, 2]
    assert said[0].startswith("no room left, writing the journal") and "works again" in said[-1]


def test_what_no_waiting_mends_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(handle: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    clock = Clock()
    journal = Journal(tmp_path, patience=patient(clock, []))
    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(RunFolderError, match="Read-only"):
        journal.append(opened(1))
    assert clock.slept == []


def test_an_outlet_comes_first_and_may_refuse(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def outlet(name: str, content: bytes) -> None:
        seen.append((name, len(segments(tmp_path))))
        if len(seen) == 2:
            raise RunFolderError("taken")

    journal = Journal(tmp_path, outlet)
    journal.append(opened(1))
    with pytest.raises(RunFolderError, match="taken"):
        journal.append(opened(2))
    journal.append(opened(3))
    assert seen == [("00000001.json", 0), ("00000002.json", 1), ("00000002.json", 1)]
    assert sessions(read_journal(tmp_path)) == [1, 3]
