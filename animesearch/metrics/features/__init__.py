"""Feature networks: one file each, registered in :data:`FEATURES`.

Every module of this package is imported here, so that a new file registers itself.  None of
them imports torch before a network is built.
"""

from __future__ import annotations

import importlib
import pkgutil

from animesearch.metrics.features.base import FEATURES, FeatureNetwork, FeatureSpec

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["FEATURES", "FeatureNetwork", "FeatureSpec"]
