"""What ``animesearch list`` shows: the registered components and the shipped spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from animesearch.registry import Registry, Spec

Row = dict[str, Any]


def inventory(what: str) -> list[Row]:
    """One row per entry, each with ``name`` and ``summary`` at least."""
    return _LISTS[what]()


def _spaces() -> list[Row]:
    from animesearch.searchspace.catalogue import list_spaces

    return [
        {"name": name, "summary": summary, "path": str(path)}
        for name, summary, path in list_spaces()
    ]


def _architectures() -> list[Row]:
    from animesearch.trainers.architectures import ARCHITECTURES

    return [
        {**_row(spec), "sizes": list(spec.sizes), "channels": list(spec.channels)}
        for spec in ARCHITECTURES
    ]


def _losses() -> list[Row]:
    from animesearch.trainers.losses import LOSSES

    return _rows(LOSSES)


def _samplers() -> list[Row]:
    from animesearch.tuning.samplers import SAMPLERS

    return _rows(SAMPLERS)


def _schedulers() -> list[Row]:
    from animesearch.tuning.schedulers import SCHEDULERS

    return _rows(SCHEDULERS)


def _sources() -> list[Row]:
    from animesearch.datasets.sources import SOURCES

    return _rows(SOURCES)


def _features() -> list[Row]:
    from animesearch.metrics.features import FEATURES

    return _rows(FEATURES)


def _rows(registry: Registry[Any]) -> list[Row]:
    return [_row(spec) for spec in registry]


def _row(spec: type[Spec]) -> Row:
    return {
        "name": spec.component_name(),
        "summary": spec.summary(),
        "options": {
            name: {
                "default": None
                if field.is_required()
                else _plain(field.get_default(call_default_factory=True, validated_data={})),
                "description": field.description or "",
            }
            for name, field in spec.model_fields.items()
            if name != "name"
        },
        "source": str(getattr(spec, "source", "")),
    }


def _plain(value: object) -> object:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


_LISTS: dict[str, Callable[[], list[Row]]] = {
    "spaces": _spaces,
    "architectures": _architectures,
    "losses": _losses,
    "samplers": _samplers,
    "schedulers": _schedulers,
    "sources": _sources,
    "features": _features,
}
