"""Packed sets for many machines: brought to a store, fetched once, as a source of their own."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from animesearch.datasets.manifest import IMAGES, MANIFEST
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.shared import FETCHED, PackedAt, fetched, upload
from animesearch.datasets.sources import SOURCES
from animesearch.datasets.sources.base import Drawn
from animesearch.errors import DataError
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store
from tests.datasets.pictures import png, silent, write_folder
from tests.datasets.preparing import write_prepared
from tests.storage.clocks import QUICK


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def packed(tmp_path: Path) -> PackedDataset:
    files = {f"{kind}/{n}.png": png(n + ord(kind)) for n in range(4) for kind in "ab"}
    return write_prepared(tmp_path / "p", write_folder(tmp_path / "set", files))


@pytest.fixture
def store(url: str) -> Store:
    return Store.open(url, Patience(pauses=QUICK), attempts=1)


def test_a_set_is_brought_there_once_and_fetched_once(
    packed: PackedDataset, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(packed, store)
    assert sorted(store.entries()) == [IMAGES, MANIFEST]
    with monkeypatch.context() as patch:
        patch.setattr(Store, "upload", None)
        upload(packed, store)  # nothing to do
    again = fetched(store.uri)
    assert np.array_equal(again.images_NCHW, packed.images_NCHW)
    assert (again.names, again.labels) == (packed.names, packed.labels)
    store.delete_all("")
    assert fetched(store.uri, packed.pixels_digest).folder == again.folder


def test_an_upload_that_was_cut_short_is_no_set(packed: PackedDataset, store: Store) -> None:
    with pytest.raises(DataError, match=r"holds no prepared set: it has no manifest\.json"):
        fetched(store.uri)
    upload(packed, store)
    store.delete(IMAGES)
    with pytest.raises(DataError, match=r"incomplete: it has no images\.arrow"):
        fetched(store.uri)
    upload(packed, store)
    assert len(fetched(store.uri)) == len(packed)


def test_what_was_damaged_is_not_taken(packed: PackedDataset, store: Store, cache: Path) -> None:
    upload(packed, store)
    content = bytearray(store.read(IMAGES))
    place = content.find(packed.images_NCHW[3].tobytes())
    content[place] ^= 1
    store.write(IMAGES, bytes(content))
    with pytest.raises(DataError, match="have changed on the disk"):
        fetched(store.uri)
    assert not list((cache / FETCHED).glob("*/manifest.json"))


def test_where_the_folder_is_not_seen_the_copy_is(packed: PackedDataset, store: Store) -> None:
    upload(packed, store)
    unseen = Path("/nowhere/at/all")
    at = pickle.loads(pickle.dumps(PackedAt(unseen, packed.pixels_digest, store.uri)))
    assert np.array_equal(at.open().images_NCHW, packed.images_NCHW)
    assert PackedAt(packed.folder, packed.pixels_digest).open().folder == packed.folder
    with pytest.raises(DataError):
        PackedAt(unseen, packed.pixels_digest).open()
    with pytest.raises(DataError, match="another set here"):
        PackedAt(packed.folder, "0" * 64).open()


def test_a_set_at_a_uri_is_a_source(
    packed: PackedDataset, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(packed, store)
    spec = SOURCES.parse({"name": "path", "path": store.uri}).located()
    assert spec.name == "prepared" and spec.model_dump()["pixels"] == packed.pixels_digest
    near = SOURCES.parse({"name": "prepared", "path": str(packed.folder)}).located()
    listing = spec.listing(FileMemory(tmp_path / "seen"), silent)
    assert listing == near.listing(FileMemory(tmp_path / "seen"), silent)
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "another node"))
    worker = pickle.loads(pickle.dumps(spec))
    assert all(isinstance(payload, Drawn) for _, payload in worker.read(listing.items, 16))


def test_another_set_in_the_same_place_is_refused(
    packed: PackedDataset, store: Store, tmp_path: Path
) -> None:
    """A run that is resumed must not train on other images."""
    upload(packed, store)
    spec = SOURCES.parse({"name": "prepared", "path": store.uri}).located()
    files = {f"{n}.png": png(100 + n) for n in range(5)}
    upload(write_prepared(tmp_path / "q", write_folder(tmp_path / "other", files)), store)
    with pytest.raises(DataError, match=f"not {packed.pixels_digest}"):
        spec.located()
