"""A journal that is read while it grows, and one that is broken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from animesearch.results.journal import Journal, read_journal, segments
from animesearch.results.records import RungReported
from animesearch.results.state import fold
from animesearch.results.web.tail import JournalTail
from tests.results.scripted_run import created, race, reported, started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "journal")
    for event in race():
        journal.append(event)
    return tmp_path / "journal"


def test_the_state_is_that_of_the_whole_journal(folder: Path) -> None:
    tail = JournalTail(folder)
    assert tail.refresh()
    assert tail.state == fold(read_journal(folder))
    assert (tail.damage, tail.last) == ([], len(segments(folder)))
    assert not tail.refresh()


def test_each_new_segment_is_read_once(tmp_path: Path) -> None:
    events = race()
    journal, tail = Journal(tmp_path), JournalTail(tmp_path)
    assert not tail.refresh()
    for count, event in enumerate(events, start=1):
        journal.append(event)
        assert tail.refresh()
        assert tail.last == count
        assert not tail.refresh()
    assert tail.state == fold(events)


def test_a_journal_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path / "later")
    assert not tail.refresh()
    Journal(tmp_path / "later").append(created(0))
    assert tail.refresh()
    assert list(tail.state.trials) == ["t0000"]


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b'[{"kind": "nonsense"}]', b"\xff\xfe"])
def test_a_broken_segment_is_named_and_the_rest_is_read(folder: Path, content: bytes) -> None:
    last = segments(folder)[-1]
    last.write_bytes(content)
    tail = JournalTail(folder)
    tail.refresh()
    (damage,) = tail.damage
    assert damage.where == f"journal/{last.name}"
    assert len(tail.state.trials) == 6
    assert tail.state.outcome == ""


def test_a_segment_that_becomes_whole_makes_everything_be_read_again(folder: Path) -> None:
    place = segments(folder)[7]
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    tail = JournalTail(folder)
    tail.refresh()
    assert tail.damage
    place.write_bytes(whole)
    assert tail.refresh()
    assert (tail.damage, tail.state) == ([], fold(race()))


def test_a_gap_is_named_and_closes_when_the_segment_comes(folder: Path) -> None:
    place = segments(folder)[3]
    hidden = place.rename(place.with_name("hidden"))
    tail = JournalTail(folder)
    tail.refresh()
    assert [damage.problem for damage in tail.damage] == ["is missing"]
    assert tail.last == len(race())
    hidden.rename(place)
    assert tail.refresh()
    assert (tail.damage, tail.state) == ([], fold(race()))


def test_segments_behind_a_gap_are_found_later_too(folder: Path) -> None:
    tail = JournalTail(folder)
    tail.refresh()
    number = len(race()) + 2
    shutil.copy(segments(folder)[0], folder / f"{number:08d}.json")
    os.utime(folder, ns=(1, 1))  # another time than before, whatever the clock's step
    assert tail.refresh()
    assert tail.last == number
    assert [damage.problem for damage in tail.damage] == ["is missing"]


def test_an_event_of_an_unknown_trial_is_damage(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(started(9))
    journal.append(created(0))
    tail = JournalTail(tmp_path)
    tail.refresh()
    assert list(tail.state.trials) == ["t0000"]
    assert "t0009" in tail.damage[0].problem


def test_links_and_pipes_are_no_segments_and_nothing_of_them_is_told(tmp_path: Path) -> None:
    Journal(tmp_path / "secret").append(created(5))  # readable, were it not for the link
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "00000001.json").symlink_to(segments(tmp_path / "secret")[0])
    os.mkfifo(folder / "00000002.json")
    Journal(folder).append(created(0))
    tail = JournalTail(folder)
    tail.refresh()
    assert [damage.where[-8:] for damage in tail.damage] == ["001.json", "002.json"]
    assert "secret" not in str(tail.damage)
    assert list(tail.state.trials) == ["t0000"]


def test_what_ray_tune_adds_to_a_report_is_not_kept(tmp_path: Path) -> None:
    metrics = {"loss_d": 1.0, "training_iteration": 8, "hostname": "mine", "config/trial/lr": 0.1}
    Journal(tmp_path).append(created(0), reported(0, 0, 5.0, **metrics))
    tail = JournalTail(tmp_path)
    tail.refresh()
    report = tail.state.trials["t0000"].rungs[0]
    assert isinstance(report, RungReported)
    assert report.metrics == {"loss_d": 1.0}
