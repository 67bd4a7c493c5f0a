"""Runs by the names that users give them: a folder, or a URI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from animesearch.results.folder import RunFolder
from animesearch.storage.places import checked, is_uri

if TYPE_CHECKING:
    from animesearch.results.stored import StoredRun


def new_run(place: str | Path) -> RunFolder:
    """A run to begin; :class:`UserError` subclasses where that cannot be done there."""
    run = _driven(checked(str(place)))
    run.refuse_unusable()
    return run


def existing_run(place: str | Path) -> RunFolder:
    """A run to go on with; :class:`RunFolderError` where there is none."""
    found = checked(str(place))
    if not is_uri(found):
        return RunFolder.open(Path(found))
    run = _stored().driven(found)
    run.fetch_description()
    return run


def run_to_read(place: str | Path) -> RunFolder:
    """A run to read from; of one at a URI a copy, as it stands now.

    Raises :class:`RunFolderError` where there is none, :class:`StorageError` for a store that
    cannot be reached.
    """
    found = checked(str(place))
    return _stored().to_read(found) if is_uri(found) else RunFolder.open(Path(found))


def is_run(place: str | Path) -> bool:
    """Whether a run stands there, rather than images."""
    found = checked(str(place))
    if not is_uri(found):
        return (Path(found) / "run.json").is_file()
    from animesearch.storage.store import Store

    return Store.open(found).entry("run.json") is not None


def _driven(place: str) -> RunFolder:
    return _stored().driven(place) if is_uri(place) else RunFolder(Path(place))


def _stored() -> type[StoredRun]:
    """Late, because Arrow takes a moment to import."""
    from animesearch.results.stored import StoredRun

    return StoredRun
