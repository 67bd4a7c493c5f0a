"""Runs that live at a URI: begun, gone on with, read and fetched; two at once, faults."""

from __future__ import annotations

import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from animesearch.errors import RunFolderError, StorageError
from animesearch.results.fetching import fetch_run
from animesearch.results.folder import RunFolder
from animesearch.results.journal import read_journal
from animesearch.results.opening import existing_run, is_run, new_run, run_to_read
from animesearch.results.records import RunOpened
from animesearch.results.stored import StoredRun
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store
from tests.results.scripted_run import race, run_info
from tests.storage.clocks import QUICK
from tests.storage.servers import Served


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ANIMESEARCH_STORAGE_PAUSE", "0.05")
    return tmp_path / "cache"


def begin(url: str) -> RunFolder:
    """A run with its description, whose driver has ended in order."""
    run = new_run(url)
    run.make()
    with run.lock(new=True):
        run.space_file.write_text("name: x\n")
        run.write_info(run_info())
        run.publish("space.yaml", "run.json", "data", "plugins")
        run.open_journal().append(*race())
        grid = run.trial("t0000") / "grids/000004000.png"
        weights = run.checkpoints("t0000") / "images-000000004000.ckpt"
        for file in (grid, weights):
            file.parent.mkdir(parents=True)
            file.write_bytes(b"content")
        run.publish("trials")
    return run


def opened(session: int) -> RunOpened:
    return RunOpened(at=0.0, session=session)


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on another machine: a cache of its own."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "another-cache"))


def test_a_run_is_gone_on_with_from_another_machine(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin(place)
    assert first.place == first.uri == place
    elsewhere(monkeypatch, tmp_path)
    again = existing_run(place)
    assert again.path != first.path and again.info() == run_info()
    assert again.space_file.read_text() == "name: x\n"
    with again.lock():
        assert again.state() == first.state()
        again.open_journal().append(opened(2))
    assert again.files("trials/t0000/checkpoints") == [
        "trials/t0000/checkpoints/images-000000004000.ckpt"
    ]
    assert run_to_read(place).state().sessions == 2


def test_the_journal_is_in_the_store_before_it_is_here(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that dies in between has acted on nothing that the store does not know."""
    run = begin(url)
    with run.lock():
        journal = run.open_journal()

        def die(self: object, *args: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("animesearch.results.journal.Journal._store", die)
            with pytest.raises(KeyboardInterrupt):
                journal.append(opened(2))
        assert run_to_read(url).state().sessions == 2
        assert run.state().sessions == 1
        journal.append(opened(3))  # what was cut short is brought to its end first
    found = [e.session for e in read_journal(run.journal) if isinstance(e, RunOpened)]
    assert found[-2:] == [2, 3]
    assert run_to_read(url).state() == run.state()


def test_a_copy_that_is_ahead_of_the_store_is_put_right(url: str) -> None:
    run = begin(url)
    (run.journal / "00000099.json").write_text("[]")
    with existing_run(url).lock():
        assert not (run.journal / "00000099.json").exists()


def test_an_occupied_place_is_refused(place: str, bucket: Served) -> None:
    begin(place)
    with pytest.raises(RunFolderError, match=f"animesearch resume {place}"):
        new_run(place)
    for name in ("anything", "in/folders/alone"):
        other = f"{place}-{name[:2]}"
        Store.open(other).write(name, b"")
        with pytest.raises(RunFolderError, match="not empty; choose another --out"):
            new_run(other)
    with pytest.raises(StorageError, match=r"NO_SUCH_BUCKET|no bucket 'no-such-bucket'"):
        new_run(f"{bucket.scheme}://no-such-bucket/x")


def test_two_that_begin_at_one_place_at_once(url: str, tmp_path: Path) -> None:
    """Both found it empty; the second finds the first's run when it has the lock."""
    one, two = new_run(url), new_run(url)
    for run in (one, two):
        run.make()
    with one.lock(new=True):
        one.write_info(run_info())
        one.publish("run.json")
        with pytest.raises(RunFolderError, match="in use"), two.lock(new=True):
            pass
    with pytest.raises(RunFolderError, match="exists and is not empty"), two.lock(new=True):
        pass


def test_a_second_resume_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this machine, and from another copy of the run."""
    first = begin(url)
    with first.lock():
        refused = pytest.raises(RunFolderError, match="in use: another animesearch process is")
        with refused, existing_run(url).lock():
            pass
        elsewhere(monkeypatch, tmp_path)
        refused = pytest.raises(RunFolderError, match=r"in use: another animesearch process \(")
        with refused, existing_run(url).lock():
            pass


def test_a_second_writer_fails_at_its_append(url: str) -> None:
    run = begin(url)
    with run.lock():
        journal = run.open_journal()
        other = StoredRun(Store.open(url), run.path.parent / "other")
        other.fetch("journal")
        other.segment_outlet()("00000099.json", b"[]")
        (run.journal / "00000098.json").write_text("[]")  # the next is 99
        journal = run.open_journal()
        with pytest.raises(RunFolderError, match="another process writes this run"):
            journal.append(opened(2))


def test_another_run_in_the_same_place_leaves_no_trace(url: str) -> None:
    run = begin(url)
    assert run_to_read(url).state().trials
    Store.open(url).delete_all("")
    fresh = new_run(url)
    fresh.make()
    with fresh.lock(new=True):
        assert {p.name for p in run.path.iterdir()} == {".lock"}
        fresh.write_info(run_info(name="other"))
        fresh.publish("run.json")
    read = run_to_read(url)
    assert read.info().name == "other" and not read.state().trials


def test_a_lost_store_pauses_the_journal(place: str, bucket: Served) -> None:
    run = begin(place)
    said: list[str] = []
    tries: list[int] = []

    def back() -> None:
        tries.append(1)
        if len(tries) == 3:
            bucket.proxy.fail("pass")

    with run.lock():
        run.wait_patiently(Patience(tell=said.append, every=back, pauses=QUICK))
        journal = run.open_journal()
        bucket.proxy.fail("busy")
        journal.append(opened(2))
    assert re.match(r"storage is lost( for \d+ s)?, writing journal/", said[0])
    assert "works again" in said[-1]
    assert run_to_read(place).state().sessions == 2


def test_whoever_ends_a_search_does_not_wait_for_a_lost_store(place: str, bucket: Served) -> None:
    run = begin(place)
    with run.lock():
        run.wait_patiently(Patience(tell=lambda text: None, pauses=QUICK))
        journal = run.open_journal()
        bucket.proxy.fail("refuse")
        run.hurry()
        with pytest.raises(RunFolderError, match=f"cannot write the journal of {place}"):
            journal.append(opened(2))
        bucket.proxy.fail("pass")
    assert run_to_read(place).state().sessions == 1


def test_what_is_removed_goes_there_too(url: str) -> None:
    run = begin(url)
    run.remove("trials/t0000/checkpoints")
    assert run.files("trials/t0000") == ["trials/t0000/grids/000004000.png"]
    assert not run.checkpoints("t0000").exists()
    assert run.sizes()["run.json"] == run.info_file.stat().st_size


def test_readers_fetch_what_they_look_at(url: str) -> None:
    begin(url)
    run = run_to_read(url)
    assert not (run.path / "trials").exists()
    run.fetch_pictures()
    assert (run.trial("t0000") / "grids/000004000.png").is_file()
    assert not run.checkpoints("t0000").exists()
    run.fetch("trials/t0000/checkpoints")
    assert len(list(run.checkpoints("t0000").iterdir())) == 1


def test_what_is_a_run(url: str, tmp_path: Path) -> None:
    assert not is_run(url) and not is_run(tmp_path)
    with pytest.raises(RunFolderError, match=f"there is no run at {url}"):
        run_to_read(url)
    begin(url)
    assert is_run(url)


def test_a_run_is_brought_home(url: str, tmp_path: Path) -> None:
    begin(url)
    Store.open(url).write("packed/abc/images.arrow", b"large")
    home = tmp_path / "home"
    light = fetch_run(url, home, checkpoints=False)
    assert RunFolder.open(home).state().trials and light.refused == []
    assert not any(name.endswith(".ckpt") or "packed" in name for name in light.fetched)
    whole = fetch_run(url, home)
    assert whole.fetched == ["trials/t0000/checkpoints/images-000000004000.ckpt"]
    assert fetch_run(url, home).fetched == []


def test_a_copy_that_was_cut_short_goes_on(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(url)
    home, real, fetched = tmp_path / "home", Store.download, []

    def some(self: Store, name: str, path: Path, changed_ns: int = 0) -> None:
        if len(fetched) == 3:
            raise StorageError("gone")
        fetched.append(name)
        real(self, name, path, changed_ns)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "download", some)
        with pytest.raises(StorageError, match="gone"):
            fetch_run(url, home)
    assert len(fetched) == 3
    assert not set(fetched) & set(fetch_run(url, home).fetched)
    assert RunFolder.open(home).state().trials


def test_a_copy_needs_a_place_of_its_own(url: str, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="there is no run"):
        fetch_run(url, tmp_path / "home")
    begin(url)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(RunFolderError, match="not empty"):
        fetch_run(url, tmp_path / "mine")
    other = RunFolder.create(tmp_path / "other")
    other.write_info(run_info(name="other"))
    with pytest.raises(RunFolderError, match="holds another run"):
        fetch_run(url, other.path)


@pytest.fixture
def interrupt_soon() -> Iterator[Callable[[float], None]]:
    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_ctrl_c_while_a_segment_is_on_its_way(
    url: str, monkeypatch: pytest.MonkeyPatch, interrupt_soon: Callable[[float], None]
) -> None:
    """It arrives all the same, once, and the next one follows it."""
    run, go, real = begin(url), threading.Event(), Store._write
    with run.lock():
        journal = run.open_journal()

        def slow(self: Store, name: str, content: bytes) -> None:
            if name.startswith("journal/"):
                go.wait(10)
            real(self, name, content)

        monkeypatch.setattr(Store, "_write", slow)
        interrupt_soon(0.3)
        with pytest.raises(KeyboardInterrupt):
            journal.append(opened(2))
        go.set()
        journal.append(opened(3))
    shutil.rmtree(run.path)
    found = [e.session for e in read_journal(run_to_read(url).journal) if isinstance(e, RunOpened)]
    assert found[-2:] == [2, 3]
