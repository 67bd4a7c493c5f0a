"""Objects in real servers, S3's and Google's, and on a file system that Arrow opens; faults."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from animesearch.errors import StorageError
from animesearch.storage import store as stores
from animesearch.storage.patience import Patience
from animesearch.storage.store import AlreadyThereError, Store
from tests.storage.clocks import QUICK
from tests.storage.google import Gcs
from tests.storage.servers import SECRET, Served, Way


@pytest.fixture(params=["s3", "gcs", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param != "disk":
        served: Served = request.getfixturevalue(request.param)
        uri = served.url(f"runs/{tmp_path.name}")
        return Store.open(uri, Patience(pauses=QUICK), attempts=1)
    system = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
    return Store(system, "some/where", "hdfs://host/some/where", Patience(pauses=QUICK))


def test_objects(store: Store, tmp_path: Path) -> None:
    assert (store.entries(), store.top(), store.find("a/b")) == ({}, {}, None)
    store.write("a/b", b"one")
    store.write("c", b"")
    assert store.read("a/b") == b"one" and store.find("c") == b""
    assert {name: entry.size for name, entry in store.entries().items()} == {"a/b": 3, "c": 0}
    assert list(store.entries("a")) == ["a/b"]
    assert store.top() == {"a": True, "c": False}
    assert store.entry("a/b") == store.entries()["a/b"]
    assert store.entry("a") is None and store.entry("x") is None
    store.download("a/b", tmp_path / "deep/b", changed_ns=5_000_000_000)
    assert (tmp_path / "deep/b").read_bytes() == b"one"
    assert (tmp_path / "deep/b").stat().st_mtime_ns == 5_000_000_000
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["b"]
    store.delete("c")
    store.delete("c")
    store.delete_all("a")
    assert store.entries() == {}
    with pytest.raises(FileNotFoundError):
        store.read("a/b")


def test_a_name_is_created_once(store: Store) -> None:
    store.create("journal/1", b"mine")
    store.create("journal/1", b"mine")  # a repetition after an answer that got lost
    with pytest.raises(AlreadyThereError, match="journal/1 exists"):
        store.create("journal/1", b"another's")
    assert store.read("journal/1") == b"mine"


def test_large_files_are_mapped(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "MAPPED", 1_000_000)
    monkeypatch.setattr(stores, "PIECE", 100_000)
    content = os.urandom(12_000_000)  # more than one part of an upload
    (tmp_path / "large").write_bytes(content)
    store.upload(tmp_path / "large", "large")
    store.download("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("way", ["refuse", "busy", "full", "gone"])
def test_a_lost_store_is_waited_for(bucket: Served, place: str, way: Way) -> None:
    """It fails for some attempts, and comes back while somebody waits.

    ``full`` is S3's alone; ``gone`` an upload that Google has forgotten between its parts.
    """
    if bucket.scheme == {"full": "gs", "gone": "s3"}.get(way):
        pytest.skip("never its answer")
    said: list[str] = []
    failures = iter(range(100))

    def back() -> None:
        if next(failures) == 2:
            bucket.proxy.fail("pass")

    patience = Patience(tell=said.append, every=back, pauses=QUICK)
    store = Store.open(place, patience, attempts=1)
    before = bucket.proxy.failed
    bucket.proxy.fail(way, b"PUT" if way == "gone" else b"")
    store.write("a", b"whole")
    assert bucket.proxy.failed >= before + 5
    assert store.read("a") == b"whole"
    state = "no room left" if way == "full" else "storage is lost"
    assert re.match(rf"{state}( for \d+ s)?, writing a to {place} failed: ", said[0])
    assert said[-1].startswith(f"writing a to {place} works again after")


def test_an_answer_that_got_lost_creates_nothing_twice(bucket: Served, place: str) -> None:
    """The object is there, but whoever wrote it could not know."""
    back = Patience(tell=lambda text: None, every=lambda: bucket.proxy.fail("pass"), pauses=QUICK)
    store = Store.open(place, back, attempts=1)
    bucket.proxy.fail("deaf", b"PUT")
    store.create("journal/1", b"mine")
    assert bucket.proxy.failed and store.read("journal/1") == b"mine"


def test_what_waiting_does_not_mend_is_told_at_once(bucket: Served, place: str) -> None:
    said: list[str] = []
    patience = Patience(tell=said.append, pauses=QUICK)
    store = Store.open(place, patience, attempts=1)
    bucket.proxy.fail("denied")
    told = r"writing a to (s3|gs)://.* failed: .*(ACCESS_DENIED|PERMISSION_DENIED)"
    with pytest.raises(StorageError, match=told) as denied:
        store.write("a", b"")
    assert said == [] and SECRET not in str(denied.value)
    bucket.proxy.fail("pass")
    with pytest.raises(StorageError, match=r"NO_SUCH_BUCKET|no bucket 'no-such-bucket'"):
        Store.open(f"{bucket.scheme}://no-such-bucket/x", patience, attempts=1).write("a", b"")
    assert said == []


def test_without_patience_a_lost_store_is_an_error(bucket: Served, place: str) -> None:
    store = Store.open(place, Patience(pauses=QUICK), attempts=1)
    bucket.proxy.fail("refuse")
    for call in (store.entries, lambda: store.read("a"), lambda: store.write("a", b"")):
        with pytest.raises(StorageError, match=r"NETWORK_CONNECTION|UNAVAILABLE"):
            call()


def test_a_store_that_hung_is_not_asked_again_by_who_has_no_patience(
    bucket: Served, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the end of a search would wait for one time-out after the other."""
    monkeypatch.setattr(stores, "LONG_S", 0.0)
    store = Store.open(place, Patience(pauses=QUICK), attempts=1)
    bucket.proxy.fail("refuse")
    with pytest.raises(StorageError, match=r"reading a .*(NETWORK|UNAVAILABLE)"):
        store.read("a")
    failed = bucket.proxy.failed
    with pytest.raises(StorageError, match=r"deleting a .* did not answer a moment ago"):
        store.delete("a")
    assert bucket.proxy.failed == failed
    back = Patience(tell=lambda text: None, every=lambda: bucket.proxy.fail("pass"), pauses=QUICK)
    store.patient(back).write("a", b"whole")
    assert store.read("a") == b"whole"


@pytest.mark.parametrize("key", ["{}", '{"private_key": "SECRET"}', "SECRET", None])
def test_keys_of_google_that_do_not_open_are_told_at_once(
    key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server is asked; a variable that holds a key in place of its file's name is not shown."""
    monkeypatch.delenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", raising=False)
    file = tmp_path / "key.json"
    file.write_text((key or "").replace("SECRET", SECRET))
    named = str(file) if key else f'{{"private_key": "{SECRET}"}}'
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", named)
    store = Store.open("gs://bucket/x", Patience(tell=pytest.fail, pauses=QUICK))
    with pytest.raises(
        StorageError, match=r"(?i)writing a to gs://bucket/x .*credential"
    ) as denied:
        store.write("a", b"")
    assert SECRET not in str(denied.value)


def test_folders_of_google_are_found_by_what_they_hold(gcs: Gcs) -> None:
    """Those that an object stands for as well, as of Google's own page; an empty one is there."""
    store = Store.open(gcs.url("folders"), Patience(pauses=QUICK), attempts=1)
    store.write("run/a/b", b"")
    store.write("runs.txt", b"")
    store._system.create_dir(f"{store._root}/empty", recursive=True)
    assert store.top() == {"run": True, "runs.txt": False, "empty": True}
    assert set(store.entries()) == {"run/a/b", "runs.txt"}


@pytest.fixture
def interrupt() -> Iterator[None]:
    """SIGALRM as the user's Ctrl-C."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupt_ends_the_waiting(bucket: Served, place: str, interrupt: None) -> None:
    store = Store.open(place, Patience(tell=lambda text: None, pauses=QUICK), attempts=1)
    bucket.proxy.fail("refuse")
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(KeyboardInterrupt):
        store.write("a", b"")


def test_an_interrupt_does_not_cut_a_write_in_half(
    store: Store, interrupt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the object is being written; what is there afterwards is whole."""
    real, go = store._put, threading.Event()

    def slow(path: str, content: bytes) -> None:
        go.wait(10)
        real(path, content)

    monkeypatch.setattr(store, "_put", slow)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(KeyboardInterrupt):
        store.write("a", b"whole")
    go.set()
    assert store.read("a") == b"whole"  # the next call waits for the one before
