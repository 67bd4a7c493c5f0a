"""Measures of generated images: one file each, registered in :data:`MEASURES`.

Every module of this package is imported here, so that a new file registers itself.  None of
them imports numpy or scipy before something is measured.
"""

from __future__ import annotations

import importlib
import pkgutil

from animesearch.metrics.measures.base import (
    MEASURES,
    MeasureSpec,
    Side,
    Value,
    measure_all,
    promised,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["MEASURES", "MeasureSpec", "Side", "Value", "measure_all", "promised"]
