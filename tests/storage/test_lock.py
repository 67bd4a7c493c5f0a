"""One driver per run: who refuses, who waits, who takes a dead one's place."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from animesearch.errors import RunFolderError
from animesearch.storage.lock import FOLDER, Note, Process, StoreLock, Times
from animesearch.storage.patience import Patience
from animesearch.storage.store import Entry, Store
from tests.storage.clocks import QUICK, Clock
from tests.storage.servers import Served

ELSEWHERE = Process("far", "another machine", 1, "1")
FAST = Times(beat=0.1, expiry=60.0)


@pytest.fixture
def store(place: str) -> Store:
    return Store.open(place, Patience(pauses=QUICK), attempts=1)


def lock(store: Store, times: Times = FAST, process: Process | None = None) -> StoreLock:
    return StoreLock(store, times, process=process or Process.own())


def test_a_second_driver_is_refused_and_the_next_is_not(store: Store) -> None:
    with lock(store).held():
        refused = pytest.raises(RunFolderError, match=r"://.* is in use: another animesearch")
        with refused, lock(store).held():
            pass
        assert len(store.entries(FOLDER)) == 1
    assert store.entries(FOLDER) == {}
    with lock(store).held():
        pass


def test_a_living_driver_of_another_machine_is_seen_by_its_beats(store: Store) -> None:
    said: list[str] = []
    second = StoreLock(store, FAST, tell=said.append)
    refused = pytest.raises(RunFolderError, match="process 1 on far")
    with lock(store, process=ELSEWHERE).held(), refused, second.held():
        pass
    assert said == [
        f"{store.name} was in use by process 1 on far: looking whether it lives (up to 60 s)"
    ]


def test_a_killed_process_of_this_machine_is_dead_at_once(store: Store) -> None:
    program = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as child:
        own, begun = Process.own(), _begun(child.pid)
        note = Note("child", replace(own, pid=child.pid, begun=begun), 1, held=True)
        store.write(f"{FOLDER}/child.json", note.as_bytes())
        with pytest.raises(RunFolderError, match="in use"), lock(store).held():
            pass
        child.kill()
        child.wait()
        with lock(store).held():
            assert list(store.entries(FOLDER)) != [f"{FOLDER}/child.json"]


def _begun(pid: int) -> str:
    from animesearch.storage.lock import _begun as begun

    return begun(pid)


def test_a_silent_driver_of_another_machine_expires(store: Store) -> None:
    """By the watcher's clock; the store's says the same where the object is old."""
    note = Note("gone", ELSEWHERE, 7, held=True)
    store.write(f"{FOLDER}/gone.json", note.as_bytes())
    clock = Clock()
    times = Times(beat=10.0, expiry=60.0, sleep=clock.sleep, clock=clock)
    with lock(store, times).held():
        assert 60.0 < clock.now <= 70.0
        assert f"{FOLDER}/gone.json" not in store.entries(FOLDER)


@pytest.fixture
def hour_old(store: Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an object that is an hour older than any other, by the store's clock."""
    name, entries = f"{FOLDER}/gone.json", store.entries

    def older(prefix: str = "") -> dict[str, Entry]:
        return {
            one: e._replace(changed_ns=e.changed_ns - 3600 * 10**9) if one == name else e
            for one, e in entries(prefix).items()
        }

    monkeypatch.setattr(store, "entries", older)
    return name


def test_an_old_object_is_watched_for_two_beats(store: Store, hour_old: str) -> None:
    store.write(hour_old, Note("gone", ELSEWHERE, 7, held=True).as_bytes())
    clock = Clock()
    with lock(store, Times(sleep=clock.sleep, clock=clock)).held():
        assert 20.0 <= clock.now <= 25.0
        assert hour_old not in store.entries(FOLDER)


def test_a_store_whose_clock_was_set_does_not_cost_a_living_driver_its_run(
    store: Store, hour_old: str
) -> None:
    """Its object looks old to the store, but it goes on beating."""

    def beat(count: int) -> None:
        note = Note("gone", ELSEWHERE, 7 + count // 2, held=True)
        store.write(hour_old, note.as_bytes())

    beat(0)
    clock = Clock(then=beat)
    refused = pytest.raises(RunFolderError, match="process 1 on far")
    with refused, lock(store, Times(sleep=clock.sleep, clock=clock)).held():
        pass
    assert hour_old in store.entries(FOLDER)


def test_of_many_at_once_one_holds_it(store: Store) -> None:
    """Each in a thread of its own; whoever gets it keeps it until all have tried."""
    outcomes: list[str] = []
    over = threading.Barrier(4)

    def race() -> None:
        try:
            with lock(store, Times(beat=0.4)).held():
                outcomes.append("held")
                over.wait(30)
        except RunFolderError:
            outcomes.append("refused")
            over.wait(30)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["held", *["refused"] * 3]


def test_a_driver_that_was_away_too_long_may_not_write(store: Store) -> None:
    """It slept (a laptop, SIGSTOP) until another one had taken its place."""
    clock = Clock()
    sleepy = lock(store, Times(beat=1e6, expiry=60.0, clock=clock), ELSEWHERE)
    with sleepy.held():
        sleepy.confirm(store)
        clock.now = 1000.0
        watch = Clock()
        awake = lock(store, Times(beat=10.0, expiry=60.0, sleep=watch.sleep, clock=watch))
        with awake.held(), pytest.raises(RunFolderError, match="was taken over by another"):
            sleepy.confirm(store)


def test_a_lost_store_does_not_lose_the_lock(bucket: Served, store: Store) -> None:
    clock = Clock()
    held = lock(store, Times(beat=0.05, expiry=60.0, clock=clock))
    with held.held():
        bucket.proxy.fail("refuse")
        failed = bucket.proxy.failed
        deadline = threading.Event()
        while bucket.proxy.failed == failed:
            deadline.wait(0.01)
        bucket.proxy.fail("pass")
        clock.now = 100.0
        held.confirm(store)
        with pytest.raises(RunFolderError, match="in use"), lock(store).held():
            pass


def test_broken_notes_are_nobodys(store: Store) -> None:
    store.write(f"{FOLDER}/x.json", b"{")
    store.write(f"{FOLDER}/y.json", b'{"owner": 1}')
    with lock(store).held():
        pass
