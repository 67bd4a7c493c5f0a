"""Cleaning steps: each file here registers one; a new file is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from animesearch.datasets.steps.base import (
    STEPS,
    ImageStep,
    MetadataStep,
    Refusal,
    SetStep,
    StepSpec,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["STEPS", "ImageStep", "MetadataStep", "Refusal", "SetStep", "StepSpec"]
