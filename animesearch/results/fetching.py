"""Bringing a run home: a copy in a folder, of which only what has changed is carried again."""

from __future__ import annotations

from pathlib import Path

from animesearch.errors import RunFolderError
from animesearch.results.folder import RunFolder
from animesearch.results.stored import INFO, belongs, is_checkpoint
from animesearch.storage.mirror import Pulled, Tell, pull
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store


def fetch_run(
    uri: str,
    folder: Path,
    checkpoints: bool = True,
    patience: Patience | None = None,
    tell: Tell | None = None,
) -> Pulled:
    """Copy the run at ``uri`` into ``folder``, which is new, empty, or an earlier copy of it.

    Nothing in the folder is deleted, and nothing outside of it written.  Raises
    :class:`RunFolderError` where there is no run, or where the folder holds something else.
    """
    store = Store.open(uri, patience)
    info = store.find(INFO)
    if info is None:
        raise RunFolderError(f"there is no run at {store.name}: it has no {INFO}")
    _refuse_other(folder, info, store.name)
    done = pull(store, folder, INFO)
    rest = pull(store, folder, wanted=lambda name: _wanted(name, checkpoints), tell=tell)
    return Pulled(
        [*done.fetched, *rest.fetched],
        [*done.unchanged, *rest.unchanged],
        rest.refused,
        done.bytes + rest.bytes,
    )


def _wanted(name: str, checkpoints: bool) -> bool:
    return name != INFO and belongs(name) and (checkpoints or not is_checkpoint(name))


def _refuse_other(folder: Path, info: bytes, name: str) -> None:
    here = folder / INFO
    if not here.is_file():
        RunFolder.refuse_occupied(folder)
    elif here.read_bytes() != info:
        raise RunFolderError(f"{folder} holds another run than {name}; choose a new folder")
