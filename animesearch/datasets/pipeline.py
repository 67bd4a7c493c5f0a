"""From a source to packed images: one Ray Data pipeline, cached by content."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from animesearch.datasets.atomic import install, staging
from animesearch.datasets.blocks import item_blocks, pack_block
from animesearch.datasets.cleaning import set_steps, unread
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.manifest import (
    IMAGES,
    MANIFEST,
    Manifest,
    cache_key,
    content_digest,
    is_current,
)
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.sources.base import Listing, Progress
from animesearch.datasets.writer import PackWriter
from animesearch.errors import DataError
from animesearch.storage.cache import default_cache
from animesearch.storage.copies import PREPARED, claimed

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import DataContext

LEAST_IMAGES: Final = 2
SPARE_BYTES: Final = 64 * 1024 * 1024


class Packing(NamedTuple):
    """A packed set, and whether this call has made it or found it unchanged."""

    packed: PackedDataset
    fresh: bool


class Work(NamedTuple):
    """What is to be packed: ``left`` of the listing, after metadata alone ruled out ``dropped``."""

    config: DatasetConfig
    listing: Listing
    left: Listing
    dropped: dict[int, Dropped]


def prepare(
    config: DatasetConfig, cache: Path | None = None, progress: Progress | None = None
) -> PackedDataset:
    """As :func:`pack`, into the cache that all searches share."""
    return pack(config, cache=cache, progress=progress).packed


def pack(
    config: DatasetConfig,
    out: Path | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
    session: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
) -> Packing:
    """The packed images of a configuration, made anew only where something has changed.

    They go to the folder ``out``, by default to one of the ``cache``, where files that were
    hashed before are remembered in any case.  ``session`` is entered only where there is work for
    Ray.
    Reads, decodes, cleans, resizes and packs with Ray Data (an initialised Ray is needed unless
    the cache answers).  Images stand in the order of their names, whatever the parallelism, those
    held out of training after all others; those that cannot be used, or that a cleaning step
    refuses, are left out and listed in the manifest.  ``progress`` is called with ``"hash"``,
    ``"pack"`` and, where there are steps over the set, ``"compare"``, how much is done, and how
    much there is.

    Raises :class:`DataError` for a source that is missing, has fewer than two usable images or
    changes while it is read, for a disk without room for the result, and for an ``out`` that
    holds anything but an earlier set;
    :class:`UnsupportedError` for a step that needs a package which is not installed.
    """
    tell = progress or _silent
    root = (cache or default_cache()).expanduser().absolute()
    chosen = None if out is None else _free(out)
    for step in config.steps:
        step.available()
    located = config.model_copy(update={"source": config.source.located()})
    listing = located.source.listing(FileMemory(root / "seen"), tell)
    _check_count(located, len(listing.items), listing)
    for step in located.steps:
        step.fits(listing)
    key = cache_key(located, listing)
    final = claimed(chosen or root / PREPARED / key[:32])
    cached = _cached(final, key)
    if cached is not None:
        return Packing(cached, fresh=False)
    work = Work(located, listing, *unread(located.steps, listing))
    _check_space(located, len(work.left.items), final.parent)
    with session(), staging(final.parent) as folder:
        _pack(work, folder, tell).save(folder)
        PackedDataset.open(folder)
        # Another process may have finished the same set meanwhile; its folder may be in use.
        if _cached(final, key) is None:
            install(folder, final)
    return Packing(PackedDataset.open(final), fresh=True)


def _free(out: Path) -> Path:
    """A folder that may be written: a new one, or that of an earlier set."""
    final = out.expanduser().absolute()
    inside = {path.name for path in final.iterdir()} if final.is_dir() else set()
    if (final.exists() and not final.is_dir()) or not inside <= {MANIFEST, IMAGES}:
        raise DataError(
            f"'{out}' holds other things than a prepared set; it would be replaced as a whole: "
            "choose a new folder"
        )
    return final


def _silent(_stage: str, _done: int, _total: int) -> None:
    return


def _cached(final: Path, key: str) -> PackedDataset | None:
    try:
        packed = PackedDataset.open(final)
    except DataError:
        return None
    return packed if is_current(packed.manifest, key) else None


def _check_count(config: DatasetConfig, count: int, listing: Listing) -> None:
    if count >= LEAST_IMAGES:
        return
    refused = f"; {len(listing.refused)} refused unread" if listing.refused else ""
    found = "no files" if count == 0 else "one file"
    raise DataError(
        f"{found} in {config.source.describe()}{refused}: "
        f"a data set needs at least {LEAST_IMAGES} images"
    )


def _check_space(config: DatasetConfig, count: int, root: Path) -> None:
    """The packed pixels stand on the disk twice for a moment, while they are put together."""
    needed = 2 * count * config.image_bytes + SPARE_BYTES
    try:
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as fault:
        raise DataError(f"folder '{root}' cannot be used: {fault.strerror}") from fault
    if free < needed:
        raise DataError(
            f"packing {count:,} images of {config.size} px needs {needed / 1e9:.2f} GB in "
            f"'{root}', where {free / 1e9:.2f} GB are free; "
            "choose a smaller size, or another place (--out, or ANIMESEARCH_CACHE for the cache)"
        )


def _pack(work: Work, folder: Path, tell: Progress) -> Manifest:
    config, listing = work.config, work.listing
    with PackWriter(config, listing, folder, work.dropped) as writer:
        if len(work.left.items) >= LEAST_IMAGES:
            _fill(writer, config, work.left, tell)
        writer.check_usable(LEAST_IMAGES)
        return writer.finish(content_digest(config, listing), cache_key(config, listing))


def _fill(writer: PackWriter, config: DatasetConfig, left: Listing, tell: Progress) -> None:
    done, total = 0, len(left.items)
    tell("pack", done, total)
    task = partial(pack_block, config=config)
    with contextlib.closing(over_blocks(left, config.image_bytes, task)) as tables:
        for table in tables:
            writer.add(table)
            done += table.num_rows
            tell("pack", done, total)
    if set_steps(config.steps):
        tell("compare", 0, total)
        writer.judge()
        tell("compare", total, total)


@contextlib.contextmanager
def _quiet(context: DataContext) -> Iterator[None]:
    """For one run: no bars and no log of Ray's own; the caller has a progress function."""
    logger = logging.getLogger("ray.data")
    level, bars = logger.level, context.enable_progress_bars
    told = context.print_on_execution_start
    logger.setLevel(logging.ERROR)
    context.enable_progress_bars = context.print_on_execution_start = False
    try:
        yield
    finally:
        logger.setLevel(level)
        context.enable_progress_bars, context.print_on_execution_start = bars, told


def over_blocks(
    listing: Listing, image_bytes: int, task: Callable[[pa.Table], Iterator[pa.Table]]
) -> Generator[pa.Table]:
    """What ``task`` makes of the listing, block by block, in any order, as Ray Data finishes it.

    ``image_bytes`` is about what one image takes in the end.  To be closed by whoever may stop
    before its end, an error included: until then Ray Data works on, and keeps quiet.
    """
    import ray
    from ray.data import DataContext

    if not ray.is_initialized():
        raise RuntimeError("reading a source with Ray Data needs an initialised Ray")
    cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
    with _quiet(DataContext.get_current()):
        blocks = ray.data.from_arrow(item_blocks(listing, image_bytes, cpus))
        done = blocks.map_batches(task, batch_size=None, batch_format="pyarrow")
        yield from done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
