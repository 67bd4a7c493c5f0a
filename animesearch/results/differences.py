"""Where two configurations differ, by dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from animesearch.results.formats import clean, short
from animesearch.results.records import Scalar

ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """One path whose value differs; a side that has no such path says ``absent``."""

    path: str
    here: str
    there: str


def difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Difference]:
    """The differing values of two configurations, in the order of ``here``, then of ``there``."""
    left, right = dict(flatten(here)), dict(flatten(there))
    return [
        Difference(clean(path), _shown(left, path), _shown(right, path))
        for path in {**left, **right}
        if path not in left or path not in right or left[path] != right[path]
    ]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    """Every scalar of a configuration with its dotted path; items of a list by their number."""
    for name, value in tree.items():
        path, inner = f"{prefix}{name}", _branches(value)
        if inner:
            yield from flatten(inner, f"{path}.")
        else:
            yield path, value if inner is None else "empty"


def _branches(value: Any) -> Mapping[str, Any] | None:
    """What stands below a value; None for a scalar."""
    if isinstance(value, list | tuple):
        return {str(number): item for number, item in enumerate(value)}
    return value if isinstance(value, Mapping) else None


def _shown(values: Mapping[str, Scalar], path: str) -> str:
    return short(values[path], 6) if path in values else ABSENT
