"""What ``animesearch list`` shows: the registered components and the shipped spaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from animesearch.errors import UserError
from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    from rich.table import Table

    from animesearch.trainers.architectures import ArchitectureSpec

Row = dict[str, Any]

MILLIONS = "G + D, millions"
COLUMNS = ("name", "kind", "sizes", "labels", MILLIONS, "summary")
"""Columns of a listing, of which each kind of entry has some."""
WRAPPED = {"sizes": 14, "summary": 20}
"""Columns that give way on a terminal, and how far."""
REFERENCE_SIZE = 64
"""The plain listing shows the parameters at the size next to this one."""


def inventory(what: str, parameters: bool = False) -> list[Row]:
    """One row per entry, each with ``name`` and ``summary`` at least.

    With ``parameters`` architectures carry the ``parameters`` of both networks at each size,
    with default options; that imports torch.  Raises :class:`UserError` for it elsewhere.
    """
    if not parameters:
        return _LISTS[what]()
    if what != "architectures":
        raise UserError(f"--parameters goes with 'list architectures', not with 'list {what}'")
    return _counted_architectures()


def listing(rows: Sequence[Row], terminal: bool = True) -> Table:
    """The rows as a table; on a terminal it fits 80 columns, and names are never cut.

    Parameters, where the rows have them, take the place of the summary.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    texts = [_texts(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown = [name for name in COLUMNS if any(text.get(name) for text in texts)]
    for name in shown:
        wraps = terminal and name in WRAPPED
        longest = max(len(name), *(len(text.get(name, "")) for text in texts))
        table.add_column(
            name,
            no_wrap=not wraps,
            min_width=min(longest, WRAPPED[name]) if wraps else longest,
            max_width=WRAPPED[name] if wraps and name != "summary" else None,
        )
    for text in texts:
        table.add_row(*(Text(text.get(name, "")) for name in shown))
    return table


def _texts(row: Row) -> dict[str, str]:
    """The cells of a row, by column."""
    texts = {"name": row["name"], "kind": row.get("kind", ""), "summary": row["summary"]}
    texts["sizes"] = " ".join(map(str, row.get("sizes", ())))
    texts["labels"] = "yes" if row.get("conditional") else ""
    if row.get("parameters"):
        nearest = min(row["parameters"], key=lambda p: (abs(p["size"] - REFERENCE_SIZE), p["size"]))
        g, d = (f"{nearest[name] / 1e6:.1f}" for name in ("generator", "discriminator"))
        texts[MILLIONS] = f"{g} + {d} at {nearest['size']} px"
        del texts["summary"]
    return texts


def _spaces() -> list[Row]:
    from animesearch.searchspace.catalogue import list_spaces

    return [
        {"name": name, "summary": summary, "path": str(path)}
        for name, summary, path in list_spaces()
    ]


def _architectures() -> list[Row]:
    from animesearch.trainers.architectures import ARCHITECTURES

    return [
        {
            **_row(spec),
            "kind": spec.kind,
            "sizes": list(spec.sizes),
            "channels": list(spec.channels),
            "conditional": spec.conditional,
            "default_loss": spec.default_loss,
        }
        for spec in ARCHITECTURES
    ]


def _counted_architectures() -> list[Row]:
    from animesearch.trainers.architectures import ARCHITECTURES

    rows = zip(_architectures(), ARCHITECTURES, strict=True)
    return [{**row, "parameters": _parameters(spec)} for row, spec in rows]


def _parameters(spec: type[ArchitectureSpec]) -> list[dict[str, int]]:
    """Numbers that are trained, per size; of an autoencoder, decoder and encoder.

    With the default options, in colour where there is colour, without labels.  Sizes that the
    default options do not allow are left out; none are left where an option has no default.
    """
    from animesearch.errors import UnsupportedError
    from animesearch.trainers.blueprints import blueprint, parameter_count

    found = []
    for size in spec.sizes:
        try:
            default = spec.model_validate({"name": spec.component_name()})
            networks = blueprint(default, size, max(spec.channels))
        except (UnsupportedError, ValidationError):
            continue
        g, d = map(parameter_count, (networks.generator, networks.partner))
        found.append({"size": size, "generator": g, "discriminator": d})
    return found


def _losses() -> list[Row]:
    from animesearch.trainers.losses import LOSSES

    return [{**_row(spec), "kind": spec.kind} for spec in LOSSES]


def _penalties() -> list[Row]:
    from animesearch.trainers.penalties import PENALTIES

    return _rows(PENALTIES)


def _optimisers() -> list[Row]:
    from animesearch.trainers.optimisers import OPTIMISERS

    return _rows(OPTIMISERS)


def _augmentations() -> list[Row]:
    from animesearch.trainers.augmentations import AUGMENTATIONS

    return _rows(AUGMENTATIONS)


def _samplers() -> list[Row]:
    from animesearch.tuning.samplers import SAMPLERS

    return _rows(SAMPLERS)


def _schedulers() -> list[Row]:
    from animesearch.tuning.schedulers import SCHEDULERS

    return _rows(SCHEDULERS)


def _loggers() -> list[Row]:
    from animesearch.tuning.loggers import LOGGERS

    return _rows(LOGGERS)


def _sources() -> list[Row]:
    from animesearch.datasets.sources import SOURCES

    return _rows(SOURCES)


def _steps() -> list[Row]:
    from animesearch.datasets.steps import STEPS

    return _rows(STEPS)


def _features() -> list[Row]:
    from animesearch.metrics.features import FEATURES

    return _rows(FEATURES)


def _measures() -> list[Row]:
    from animesearch.metrics.measures import MEASURES

    return _rows(MEASURES)


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
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


_LISTS: dict[str, Callable[[], list[Row]]] = {
    "spaces": _spaces,
    "architectures": _architectures,
    "losses": _losses,
    "penalties": _penalties,
    "optimisers": _optimisers,
    "augmentations": _augmentations,
    "samplers": _samplers,
    "schedulers": _schedulers,
    "loggers": _loggers,
    "sources": _sources,
    "steps": _steps,
    "features": _features,
    "measures": _measures,
}
