"""Schedulers, one file each: importing this package registers them all."""

from importlib import import_module
from pkgutil import iter_modules

from animesearch.tuning.schedulers.base import (
    SCHEDULERS,
    Arrival,
    Decision,
    SchedulerSpec,
    Standings,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["SCHEDULERS", "Arrival", "Decision", "SchedulerSpec", "Standings"]
