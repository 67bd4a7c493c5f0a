"""Sources of images: each file here registers one; a new file is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from animesearch.datasets.sources.base import (
    SOURCES,
    Item,
    Listing,
    Memory,
    SourceSpec,
    source_field,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["SOURCES", "Item", "Listing", "Memory", "SourceSpec", "source_field"]
