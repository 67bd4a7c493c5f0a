"""Copies in the cache: what was not used for long goes, what is in use stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.storage import copies as module
from animesearch.storage.cache import reading_folder, working_folder
from animesearch.storage.copies import COPIES, MADE, Limits, claimed, copies, prune, usual_limits

ROOT = Path(__file__).parents[2]
HOLDS = """
import sys
from pathlib import Path
from animesearch.storage.copies import claimed
claimed(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
KB = 1000


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def left(cache: Path, name: str, days: float, size: int = KB) -> Path:
    """A copy that was last used so long ago; its file has a time of the store's."""
    folder = cache / name
    (folder / "trials/t0000").mkdir(parents=True)
    file = folder / "trials/t0000/x.ckpt"
    file.write_bytes(bytes(size))
    at = time.time() - days * 86_400
    for path in (file, *file.parents):
        if path.is_relative_to(folder):
            os.utime(path, (at - 5, at - 5) if path == file else (at, at))
    return folder


def names(found: list[module.Copy]) -> list[str]:
    return [f"{copy.kind}/{copy.path.name}" for copy in found]


@contextmanager
def process_using(folder: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", HOLDS, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None and running.stdout.readline() == "held\n"
        try:
            yield running
        finally:
            running.kill()


def test_what_was_not_used_for_long_goes(cache: Path) -> None:
    old = left(cache, "runs/a-1", 31)
    young = left(cache, "read/b-2", 29)
    made = left(cache, "datasets/c-3", 400)
    assert names(prune(Limits())) == ["runs/a-1"]
    assert not old.exists() and young.is_dir() and made.is_dir()
    assert prune(Limits(days=float("inf"))) == []
    assert names(prune(Limits(), ("datasets",))) == ["datasets/c-3"]


def test_the_longest_unused_go_until_the_rest_fits(cache: Path) -> None:
    for day, name in enumerate(("fetched/d", "read/c", "runs/b", "runs/a")):
        left(cache, name, 4 - day, (day + 1) * KB)
    assert [copy.bytes for copy in copies()] == [1000, 2000, 3000, 4000]
    would = prune(Limits(size=8e-6), try_only=True)
    assert names(would) == ["fetched/d", "read/c"] and len(copies()) == 4
    assert names(prune(Limits(size=8e-6))) == ["fetched/d", "read/c"]
    assert names(copies()) == ["runs/b", "runs/a"]


def test_what_a_process_uses_stays_until_it_is_gone(cache: Path) -> None:
    folder = left(cache, "runs/a-1", 90)
    with process_using(folder) as running:
        [copy] = copies()
        assert copy.in_use and time.time() - copy.used < 60, "it is used now"
        assert prune(Limits(days=0)) == prune(Limits(size=0)) == []
        running.kill()
        running.wait()
        assert not copies()[0].in_use
    assert prune(Limits(days=1)) == [], "it was used a moment ago"
    assert names(prune(Limits(days=0))) == ["runs/a-1"]
    assert list((cache / "runs").iterdir()) == []


def test_to_look_does_not_count_as_use(cache: Path) -> None:
    left(cache, "runs/a-1", 90)
    assert [copy.in_use for copy in copies()] == [False]
    prune(Limits(days=0), try_only=True)
    assert names(prune(Limits())) == ["runs/a-1"]


def test_features_go_when_they_are_asked_to(cache: Path) -> None:
    """Files of their own, of which to be read is to be used."""
    (cache / "features").mkdir(parents=True)
    old, read = cache / "features/a.npz", cache / "features/b.npz"
    for file, days in ((old, 40), (read, 1)):
        file.write_bytes(bytes(KB))
        os.utime(file, (time.time() - days * 86_400, time.time() - 40 * 86_400))
    assert prune(Limits()) == []
    assert names(prune(Limits(), MADE)) == ["features/a.npz"]
    assert not old.exists() and read.exists()


def test_the_first_new_copy_of_a_process_tidies_the_cache(cache: Path) -> None:
    old, there = left(cache, "fetched/a", 31), left(cache, "read/b-2", 31)
    assert claimed(there / "b") == there / "b"
    assert old.is_dir(), "nothing new"
    assert claimed(working_folder("s3://bucket/x")).parent == cache / "runs"
    assert not old.exists() and there.is_dir()
    later = left(cache, "fetched/c", 31)
    claimed(reading_folder("s3://bucket/x"))
    assert later.is_dir(), "once is enough"


def test_elsewhere_than_in_the_cache_nothing_happens(cache: Path, tmp_path: Path) -> None:
    old, mine = left(cache, "runs/a-1", 31), tmp_path / "mine/set"
    assert claimed(mine) == mine
    assert old.is_dir() and not mine.parent.exists()


def test_only_folders_of_ours_go(cache: Path, tmp_path: Path) -> None:
    mine = left(tmp_path, "mine", 90)
    (cache / "runs").mkdir(parents=True)
    (cache / "runs/link").symlink_to(mine)
    (cache / "runs/file").touch()
    (cache / "runs/.gone-0123").mkdir()
    left(cache, "features/x", 90)
    assert prune(Limits(days=0), (*COPIES, *MADE)) == []
    assert (mine / "trials").is_dir() and (cache / "features/x").is_dir()
    assert {path.name for path in (cache / "runs").iterdir()} == {"link", "file"}


def test_who_comes_while_a_copy_is_deleted_waits_and_has_a_new_one(cache: Path) -> None:
    folder = left(cache, "runs/a-1", 90)
    comer = threading.Thread(target=claimed, args=(folder,))
    with module._alone(folder) as alone:
        assert alone
        comer.start()
        comer.join(0.2)
        assert comer.is_alive(), "it waits"
        module._mark(folder).unlink()
    comer.join(30)
    assert not comer.is_alive() and copies()[0].in_use
    assert prune(Limits(days=0)) == []


@pytest.mark.parametrize(
    ("name", "said", "limits"),
    [
        ("ANIMESEARCH_CACHE_DAYS", "", Limits()),
        ("ANIMESEARCH_CACHE_DAYS", "7.5", Limits(7.5)),
        ("ANIMESEARCH_CACHE_DAYS", "never", Limits(float("inf"))),
        ("ANIMESEARCH_CACHE_GB", "20", Limits(size=20.0)),
        ("ANIMESEARCH_CACHE_DAYS", "a month", "'a month'; allowed: .*, or 'never'"),
        ("ANIMESEARCH_CACHE_DAYS", "nan", "'nan'"),
        ("ANIMESEARCH_CACHE_GB", "-1", "'-1'; allowed: a number of at least 0$"),
        ("ANIMESEARCH_CACHE_GB", "never", "'never'"),
    ],
)
def test_the_environment_sets_the_limits(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str, limits: Limits | str
) -> None:
    monkeypatch.setenv(name, said)
    if isinstance(limits, Limits):
        assert usual_limits() == limits
        return
    with pytest.raises(UserError, match=f"{name} is {limits}"):
        usual_limits()
