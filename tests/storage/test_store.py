"""Objects in a real S3 server, and on a file system that Arrow opens; faults on the way."""

from __future__ import annotations

import os
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
from tests.storage.servers import S3, SECRET


@pytest.fixture(params=["s3", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return Store.open(request.getfixturevalue("url"), Patience(pauses=QUICK), attempts=1)
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


@pytest.mark.parametrize("way", ["refuse", "busy", "full"])
def test_a_lost_store_is_waited_for(s3: S3, url: str, way: str) -> None:
    """It fails for some attempts, and comes back while somebody waits."""
    said: list[str] = []
    failures = iter(range(100))

    def back() -> None:
        if next(failures) == 2:
            s3.proxy.fail("pass")

    patience = Patience(tell=said.append, every=back, pauses=QUICK)
    store = Store.open(url, patience, attempts=1)
    s3.proxy.fail(way)  # type: ignore[arg-type]
    store.write("a", b"whole")
    assert s3.proxy.failed >= 5
    assert store.read("a") == b"whole"
    state = "no room left" if way == "full" else "storage is lost"
    assert said[0].startswith(f"{state}, writing a to {url} failed: ")
    assert said[-1].startswith(f"writing a to {url} works again after")


def test_what_waiting_does_not_mend_is_told_at_once(s3: S3, url: str) -> None:
    said: list[str] = []
    store = Store.open(url, Patience(tell=said.append, pauses=QUICK), attempts=1)
    s3.proxy.fail("denied")
    with pytest.raises(
        StorageError, match=r"writing a to s3://.* failed: .*ACCESS_DENIED"
    ) as denied:
        store.write("a", b"")
    assert said == [] and SECRET not in str(denied.value)
    s3.proxy.fail("pass")
    with pytest.raises(StorageError, match="NO_SUCH_BUCKET"):
        Store.open("s3://no-such-bucket/x", Patience(pauses=QUICK), attempts=1).write("a", b"")


def test_without_patience_a_lost_store_is_an_error(s3: S3, url: str) -> None:
    store = Store.open(url, Patience(pauses=QUICK), attempts=1)
    s3.proxy.fail("refuse")
    for call in (store.entries, lambda: store.read("a"), lambda: store.write("a", b"")):
        with pytest.raises(StorageError, match="NETWORK_CONNECTION"):
            call()


@pytest.fixture
def interrupt() -> Iterator[None]:
    """SIGALRM as the user's Ctrl-C."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupt_ends_the_waiting(s3: S3, url: str, interrupt: None) -> None:
    store = Store.open(url, Patience(tell=lambda text: None, pauses=QUICK), attempts=1)
    s3.proxy.fail("refuse")
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
