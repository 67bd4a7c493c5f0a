"""Loggers, one file each: importing this package registers them all."""

from importlib import import_module
from pkgutil import iter_modules

from animesearch.tuning.loggers.base import (
    LOGGERS,
    SILENT,
    About,
    Listeners,
    LoggerSpec,
    Logging,
    ToldTrial,
    TrialLog,
    check_loggers,
    tell_fresh,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "LOGGERS",
    "SILENT",
    "About",
    "Listeners",
    "LoggerSpec",
    "Logging",
    "ToldTrial",
    "TrialLog",
    "check_loggers",
    "tell_fresh",
]
