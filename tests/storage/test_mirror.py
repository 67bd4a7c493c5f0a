"""Folders and stores that follow each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from animesearch.errors import StorageError
from animesearch.storage.mirror import Sender, mirror, pull
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store
from animesearch.storage.tree import files_below
from tests.storage.clocks import QUICK

FILES = {
    "run.json": b"{}",
    "journal/00000001.json": b"[1]",
    "journal/00000002.json": b"[2]",
    "trials/t0000/checkpoints/images-1.ckpt": b"weights",
}


@pytest.fixture
def store(place: str) -> Store:
    return Store.open(place, Patience(pauses=QUICK), attempts=1)


@pytest.fixture
def filled(store: Store) -> Store:
    for name, content in FILES.items():
        store.write(name, content)
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


def test_only_what_changed_is_fetched(filled: Store, tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    first = pull(filled, tmp_path, tell=lambda done, total: said.append((done, total)))
    assert contents(tmp_path) == FILES
    assert first.fetched == sorted(FILES) and first.bytes == sum(map(len, FILES.values()))
    assert said[-1] == (first.bytes, first.bytes)
    filled.write("run.json", b"{ }")
    (tmp_path / "journal/00000002.json").unlink()
    again = pull(filled, tmp_path)
    assert again.fetched == ["journal/00000002.json", "run.json"]
    assert len(again.unchanged) == 2
    assert pull(filled, tmp_path).fetched == []


def test_a_part_is_fetched(filled: Store, tmp_path: Path) -> None:
    pull(filled, tmp_path, "journal")
    assert sorted(contents(tmp_path)) == sorted(n for n in FILES if n.startswith("journal/"))
    pull(filled, tmp_path, wanted=lambda name: not name.endswith(".ckpt"))
    assert sorted(contents(tmp_path)) == sorted(n for n in FILES if not n.endswith(".ckpt"))


def test_a_local_change_is_undone(filled: Store, tmp_path: Path) -> None:
    pull(filled, tmp_path)
    (tmp_path / "run.json").write_bytes(b"[]")  # as many bytes
    assert pull(filled, tmp_path).fetched == ["run.json"]


def test_a_mirror_holds_nothing_else(filled: Store, tmp_path: Path) -> None:
    for name in ("journal/00000003.json", "journal/00000002.json", "other/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"of another history")
    mirror(filled, tmp_path, "journal")
    assert contents(tmp_path) == {
        **{n: c for n, c in FILES.items() if n.startswith("journal/")},
        "other/x": b"of another history",
    }


class Hostile(Store):
    """Lists names that no store of ours holds."""

    names: tuple[str, ...] = ()

    def entries(self, prefix: str = "") -> dict[str, object]:  # type: ignore[override]
        real = super().entries(prefix)
        return {**real, **dict.fromkeys(self.names, next(iter(real.values())))}


def test_nothing_is_written_outside_the_folder(filled: Store, tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "trials").symlink_to(outside)
    (folder / "run.json").symlink_to(outside / "file")
    hostile = Hostile(filled._system, filled._root, filled.uri, filled.patience)
    hostile.names = ("../x", "/etc/x", "a/../../x", "")
    done = pull(hostile, folder)
    refused = {*hostile.names, "run.json", "trials/t0000/checkpoints/images-1.ckpt"}
    assert set(done.refused) == refused
    assert sorted(done.fetched) == ["journal/00000001.json", "journal/00000002.json"]
    assert list(outside.iterdir()) == [] and {p.name for p in tmp_path.iterdir()} == {
        "run", "outside"
    }  # fmt: skip
    with pytest.raises(StorageError, match="none of ours"):
        mirror(hostile, folder, "")


def test_only_what_changed_is_sent(store: Store, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "trials/.images.tmp").write_bytes(b"half")
    sender = Sender(store, tmp_path)
    assert sender.push("run.json", "trials", "none") == [
        "run.json", "trials/t0000/checkpoints/images-1.ckpt"
    ]  # fmt: skip
    assert sender.push("run.json", "trials") == []
    (tmp_path / "trials/t0000/losses.csv").write_text("a,b\n")
    assert sender.push("run.json", "trials") == ["trials/t0000/losses.csv"]
    assert sorted(store.entries()) == [
        "run.json", "trials/t0000/checkpoints/images-1.ckpt", "trials/t0000/losses.csv"
    ]  # fmt: skip


def test_what_is_gone_here_goes_there_last(store: Store, tmp_path: Path) -> None:
    """Checkpoints follow the tables that they count on, and the old ones go at the end."""
    order: list[str] = []
    upload, delete = store.upload, store.delete

    def noted_upload(path: Path, name: str) -> None:
        upload(path, name)
        order.append(f"+{name}")

    def noted_delete(name: str) -> None:
        delete(name)
        order.append(f"-{name}")

    store.upload, store.delete = noted_upload, noted_delete  # type: ignore[method-assign]
    for name in ("t/a.ckpt", "t/z.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    sender = Sender(store, tmp_path)
    sender.push("t", last=lambda name: name.endswith(".ckpt"))
    (tmp_path / "t/a.ckpt").unlink()
    (tmp_path / "t/b.ckpt").write_bytes(b"2")
    sender.push("t", last=lambda name: name.endswith(".ckpt"))
    assert order == ["+t/z.csv", "+t/a.ckpt", "+t/b.ckpt", "-t/a.ckpt"]


def test_what_was_fetched_is_not_sent_back(filled: Store, tmp_path: Path) -> None:
    fetched = pull(filled, tmp_path)
    sender = Sender(filled, tmp_path)
    sender.know([*fetched.fetched, "not/there"])
    assert sender.push("run.json", "journal", "trials") == []
    (tmp_path / "run.json").write_bytes(b"new")
    assert sender.push("run.json", "journal", "trials") == ["run.json"]
