"""A packed set for many machines: where it is seen it is mapped, elsewhere fetched once."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from animesearch.datasets.atomic import install, staging
from animesearch.datasets.manifest import IMAGES, MANIFEST, Manifest
from animesearch.datasets.packed import PackedDataset
from animesearch.errors import DataError, StorageError
from animesearch.storage.cache import default_cache
from animesearch.storage.copies import claimed
from animesearch.storage.faults import told
from animesearch.storage.places import shown

if TYPE_CHECKING:
    from animesearch.storage.patience import Patience
    from animesearch.storage.store import Store

FETCHED: Final = "fetched"
"""Folder of the cache that holds sets from elsewhere, by the digest of their pixels."""
Tell = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


@dataclass(frozen=True)
class PackedAt:
    """Where a packed set can be found, by its pixels: in a ``folder`` that may not be seen
    everywhere, and at a ``uri`` (empty: nowhere else)."""

    folder: Path
    digest: str
    uri: str = ""

    def open(self) -> PackedDataset:
        """The set on this machine; :class:`DataError` where it is out of reach."""
        try:
            packed = PackedDataset.open(self.folder)
        except DataError:
            if not self.uri:
                raise
        else:
            if packed.pixels_digest == self.digest:
                return packed
            if not self.uri:
                raise DataError(f"'{self.folder}' is another set here than where it was prepared")
        return fetched(self.uri, self.digest)


def upload(packed: PackedDataset, store: Store, tell: Tell | None = None) -> None:
    """Bring a packed set to a store, its manifest last; nothing is done where it stands there."""
    manifest = (packed.folder / MANIFEST).read_bytes()
    if store.find(MANIFEST) == manifest and _is_whole(store, packed.manifest):
        return
    total = sum(packed.manifest.files.values())
    if tell is not None:
        tell(0, total)
    store.delete(MANIFEST)  # while it is replaced it is no set
    for name in packed.manifest.files:
        store.upload(packed.folder / name, name)
    store.write(MANIFEST, manifest)
    if tell is not None:
        tell(total, total)


def _is_whole(store: Store, manifest: Manifest) -> bool:
    entries = {name: store.entry(name) for name in manifest.files}
    return {name: e.size if e else -1 for name, e in entries.items()} == manifest.files


def fetched(
    uri: str, digest: str = "", patience: Patience | None = None, tell: Tell | None = None
) -> PackedDataset:
    """The packed set at a URI, in this machine's cache; fetched where it is not there.

    With a ``digest`` of its pixels a set that is there is taken without asking the store.  Raises
    :class:`DataError` where the URI holds no set, another one, or a damaged one.
    """
    from animesearch.storage.store import Store

    if digest and (known := _known(digest)) is not None:
        return known
    store = Store.open(uri, patience)
    manifest = _manifest(store)
    if digest and manifest.pixels_digest != digest:
        raise DataError(f"'{shown(uri)}' holds another set than the one that was prepared")
    folder = claimed(default_cache() / FETCHED / manifest.pixels_digest[:32])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder.with_name(f"{folder.name}.lock")):
        known = _known(manifest.pixels_digest)
        return known if known is not None else _fetch(store, manifest, folder, tell)


def digest_at(uri: str) -> str:
    """SHA-256 (hex) of the pixels of the set at a URI; raises as :func:`fetched`."""
    from animesearch.storage.store import Store

    try:
        return _manifest(Store.open(uri)).pixels_digest
    except StorageError as fault:
        raise DataError(str(fault)) from None


def _known(digest: str) -> PackedDataset | None:
    try:
        packed = PackedDataset.open(claimed(default_cache() / FETCHED / digest[:32]))
    except DataError:
        return None
    return packed if packed.pixels_digest == digest else None


def _manifest(store: Store) -> Manifest:
    content = store.find(MANIFEST)
    if content is None:
        raise DataError(f"'{store.name}' holds no prepared set: it has no {MANIFEST}")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValueError as fault:
        raise DataError(f"'{store.name}' holds no prepared set: {told(fault)}") from None
    if manifest.files.keys() != {IMAGES}:
        raise DataError(f"'{store.name}' names other files than a prepared set has")
    return manifest


def _fetch(store: Store, manifest: Manifest, folder: Path, tell: Tell | None) -> PackedDataset:
    total, done = sum(manifest.files.values()), 0
    with staging(folder.parent) as place:
        for name, size in manifest.files.items():
            try:
                store.download(name, place / name)
            except FileNotFoundError:
                raise DataError(f"'{store.name}' is incomplete: it has no {name}") from None
            done += size
            if tell is not None:
                tell(done, total)
        manifest.save(place)
        PackedDataset.open(place).verify_pixels()
        install(place, folder)
    return PackedDataset.open(folder)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Processes of this machine fetch a set once, the others wait."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
