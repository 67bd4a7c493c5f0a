"""Optimisers: one file each, registered in :data:`OPTIMISERS`.

Every module of this package is imported here, so that a new file registers itself.  None of
them imports torch before a component is built.
"""

from __future__ import annotations

import importlib
import pkgutil

from animesearch.trainers.optimisers.base import OPTIMISERS, OptimiserSpec

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["OPTIMISERS", "OptimiserSpec"]
