"""Prepared sets for tests, by the same functions as the pipeline, in this process."""

from __future__ import annotations

from pathlib import Path

from animesearch.datasets.blocks import item_blocks, pack_block
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.manifest import cache_key, content_digest
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.writer import PackWriter
from tests.datasets.pictures import silent


def write_prepared(folder: Path, source: Path, size: int = 16, **options: object) -> PackedDataset:
    """What ``prepare`` makes of ``source``, in ``folder``."""
    given = {"source": str(source), "size": size, **options}
    config = DatasetConfig.model_validate(given)
    listing = config.source.located().listing(FileMemory(folder.parent / "seen"), silent)
    config = config.model_copy(update={"source": config.source.located()})
    folder.mkdir(parents=True)
    with PackWriter(config, listing, folder) as writer:
        for block in item_blocks(listing, config.image_bytes, cpus=1):
            for table in pack_block(block, config):
                writer.add(table)
        manifest = writer.finish(content_digest(config, listing), cache_key(config, listing))
    manifest.save(folder)
    return PackedDataset.open(folder)
