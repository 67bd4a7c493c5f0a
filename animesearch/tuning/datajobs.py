"""The commands below ``data``: the pipeline of a search, without the search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from animesearch.datasets.config import DatasetConfig
from animesearch.errors import DataError, UserError
from animesearch.files import write_atomic
from animesearch.plugins import Plugin, import_plugins
from animesearch.registry import Options
from animesearch.searchspace.space import parse_space
from animesearch.storage.places import checked, is_uri
from animesearch.tuning.prepare import load_search

if TYPE_CHECKING:
    from rich.console import Console

    from animesearch.datasets.inspection import Inspection
    from animesearch.datasets.pipeline import Packing
    from animesearch.storage.store import Store

COMMAND_LINE = "the command line"


class DataFile(Options):
    """The part of a space file that these commands need."""

    dataset: DatasetConfig = Field(default_factory=DatasetConfig)


def dataset_of(
    source: str | None,
    space: str | None = None,
    overrides: Sequence[str] = (),
    plugins: Sequence[Plugin] = (),
) -> DatasetConfig:
    """The options from a space file, the command line, or both; what is said last counts.

    ``overrides`` are ``key=value`` of options below ``dataset``.  Raises :class:`SpaceError` with
    every mistake, :class:`UserError` where neither names a source.
    """
    if source is None and space is None:
        raise UserError("nothing to read: name a source (a path, or 'faces'), or a --space")
    below = [f"dataset.{override}" for override in overrides]
    if space is None:
        import_plugins(plugins)
        return _parsed({"source": source}, below)
    config = load_search(space, below, plugins).config.dataset
    if source is None:
        return config
    return _parsed({**config.model_dump(mode="json"), "source": source}, [])


def _parsed(options: dict[str, object], overrides: Sequence[str]) -> DatasetConfig:
    document = json.dumps({"dataset": options}).encode()  # JSON is YAML
    config = parse_space(document, COMMAND_LINE, DataFile, overrides).fixed
    if not isinstance(config, DataFile):
        raise TypeError(f"the options were validated as {type(config).__name__}")
    return config.dataset


def inspect_data(config: DatasetConfig, html: Path | None, console: Console) -> Inspection:
    """Look at every image, with Ray on this machine; the page goes to ``html``."""
    from animesearch.datasets.inspection import inspect, page, pictures
    from animesearch.results.stages import stages
    from animesearch.tuning.cluster_session import ray_session

    with stages(console) as progress, ray_session():
        inspected = inspect(config, progress=progress)
        if html is not None:
            text = page(inspected.inspection, pictures(inspected, progress))
            write_atomic(html, text.encode())
    return inspected.inspection


def prepare_data(config: DatasetConfig, out: str | None, console: Console) -> Packing:
    """Pack the images; Ray is started on this machine where there is work for it.

    To a folder, or to the cache and from there to a URI.
    """
    from animesearch.datasets.pipeline import pack
    from animesearch.results.stages import stages
    from animesearch.tuning.cluster_session import ray_session

    place = None if out is None else checked(out)
    far = place is not None and is_uri(place)
    folder = None if place is None or far else Path(place)
    with stages(console) as progress:
        store = _free_store(place) if far and place is not None else None
        packing = pack(config, out=folder, progress=progress, session=ray_session)
        if store is not None:
            from animesearch.datasets.shared import upload

            upload(packing.packed, store, partial(progress, "upload (bytes)"))
    return packing


def _free_store(uri: str) -> Store:
    """A place that is empty, or holds an earlier set."""
    from animesearch.datasets.manifest import IMAGES, MANIFEST
    from animesearch.storage.store import Store

    store = Store.open(uri)
    if others := store.top().keys() - {IMAGES, MANIFEST}:
        raise DataError(
            f"'{store.name}' holds other things than a prepared set ({min(others)}): choose a new "
            "place"
        )
    return store
