"""Losses: one file each, registered in :data:`LOSSES`.

Every module of this package is imported here, so that a new file registers itself.  None of
them imports torch before a loss is evaluated.
"""

from __future__ import annotations

import importlib
import pkgutil

from animesearch.trainers.losses.base import LOSSES, AutoencoderLoss, Critic, GanLoss, LossSpec

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["LOSSES", "AutoencoderLoss", "Critic", "GanLoss", "LossSpec"]
