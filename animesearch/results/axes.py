"""The parameters of a search as axes: which scale, which ends, and where on it a value lies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from animesearch.results.formats import clean, finite, short, short_names, shorten, varying
from animesearch.results.records import RunInfo, Scalar

Scale: TypeAlias = Literal["linear", "log", "categories"]
Params: TypeAlias = Mapping[str, Scalar]

WORDS = ("choice", "uniform", "loguniform", "int", "logint", "normal")
"""The distributions of a space file, as ``animesearch.searchspace`` reads them."""
LOGARITHMIC = ("loguniform", "logint")
QUANTILE = ".quantile"
"""Ending of what is recorded beside a normal's value; the value says it better."""
FEW = 6
"""Numbers of an unknown distribution count as categories up to here."""
WIDE = 100.0
"""Greatest over least from which numbers of an unknown distribution stand on a log scale."""
MOST_CATEGORIES = 40
LONGEST = 40
MOST = 1.7e308


@dataclass(frozen=True)
class Axis:
    """One parameter (or the score): ``low`` and ``high`` are its ends, or its categories are."""

    name: str
    label: str
    scale: Scale
    low: float = 0.0
    high: float = 1.0
    categories: tuple[str, ...] = ()

    def at(self, value: Scalar) -> float | None:
        """Where the value lies, 0 to 1; None for what has no place here."""
        if self.scale == "categories":
            return self._at_category(category(value))
        number = finite(value)
        if number is None or (self.scale == "log" and number <= 0):
            return None
        low, high, here = (self._warp(x) / 2 for x in (self.low, self.high, number))  # no overflow
        return min(1.0, max(0.0, (here - low) / (high - low))) if high > low else 0.5

    def _at_category(self, text: str) -> float | None:
        if text not in self.categories:
            return None
        return (self.categories.index(text) + 0.5) / len(self.categories)

    def _warp(self, value: float) -> float:
        return math.log(value) if self.scale == "log" else value

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(place, text) of the marks, ascending."""
        if self.scale == "categories":
            return [(self.at_index(n), text) for n, text in enumerate(self.categories)]
        values = log_ticks(self.low, self.high) if self.scale == "log" else []
        values = values if len(values) > 1 else linear_ticks(self.low, self.high)
        places = [(self.at(value), tick_text(value)) for value in values]
        return [(place, text) for place, text in places if place is not None]

    def at_index(self, number: int) -> float:
        """The place of a category."""
        return (number + 0.5) / len(self.categories)


@lru_cache(maxsize=4096, typed=True)
def category(value: Scalar) -> str:
    """A value as the name of a category."""
    return shorten(short(value), LONGEST)


def parameter_axes(info: RunInfo, params: Sequence[Params]) -> list[Axis]:
    """An axis for each parameter whose values differ between the trials."""
    if not params:
        return []
    known = distributions(info.space)
    order = {name: place for place, name in enumerate(known)}
    names = [name for name in varying(params) if not name.endswith(QUANTILE)]
    names.sort(key=lambda name: order.get(name, len(order)))  # a condition before what it is for
    labels = short_names(names)
    return [
        _axis(name, labels[name], known.get(name), [one[name] for one in params if name in one])
        for name in names
    ]


def score_axis(name: str, scores: Sequence[float]) -> Axis:
    """The scores' own axis; logarithmic where they are far apart."""
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    wide = low > 0 and high / low >= 8
    pad = 0.0 if wide or high <= low else high * 0.03 - low * 0.03
    return Axis(
        "", clean(name), "log" if wide else "linear", max(low - pad, -MOST), min(high + pad, MOST)
    )


def _axis(name: str, label: str, known: tuple[str, Any] | None, values: Sequence[Scalar]) -> Axis:
    word, given = known or ("", None)
    numbers = [number for value in values if (number := finite(value)) is not None]
    if word == "choice" or len(numbers) < len(values) or not numbers:
        return Axis(name, label, "categories", categories=_categories(values, given))
    if not word and len(set(numbers)) <= FEW:
        return Axis(name, label, "categories", categories=_categories(values, None))
    low, high = _ends(given, numbers)
    log = word in LOGARITHMIC if word else low > 0 and high / low >= WIDE
    return Axis(name, label, "log" if log and low > 0 else "linear", low, high)


def _ends(given: Any, numbers: Sequence[float]) -> tuple[float, float]:
    """Those of the space, wider where a trial lies outside (a run from before an edit)."""
    told = [number for end in given if (number := finite(end)) is not None] if _pair(given) else []
    return min([*told, *numbers]), max([*told, *numbers])


def _pair(given: Any) -> bool:
    return isinstance(given, list | tuple) and len(given) == 2


def _categories(values: Sequence[Scalar], options: Any) -> tuple[str, ...]:
    """Those that occur: numbers ascending, others in the order of the space."""
    numbers = [number for value in values if (number := finite(value)) is not None]
    if len(numbers) == len(values):
        texts = [category(value) for value in sorted(values, key=_float)]
        return tuple(dict.fromkeys(texts))[:MOST_CATEGORIES]
    order = [_label(option) for option in options] if isinstance(options, list) else []
    seen = {category(value) for value in values}
    wanted = [text for value in order if (text := category(value)) in seen]
    return tuple(dict.fromkeys([*wanted, *sorted(seen)]))[:MOST_CATEGORIES]


def _float(value: Any) -> float:
    return float(value)


def _label(option: Any) -> Scalar:
    if isinstance(option, Mapping):
        return str(option.get("label", option.get("name", "")))
    return option if isinstance(option, str | int | float | bool) or option is None else str(option)


def distributions(space: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The distributions below ``trial`` by the names of their parameters: (word, its value)."""
    found: dict[str, tuple[str, Any]] = {}
    _walk(space.get("trial"), (), found)
    return found


def _walk(tree: Any, name: tuple[str, ...], found: dict[str, tuple[str, Any]]) -> None:
    if isinstance(tree, list):
        tree = {str(number): item for number, item in enumerate(tree)}
    if not isinstance(tree, Mapping):
        return
    word = next((word for word in WORDS if word in tree), None)
    if word is None:
        for key, below in tree.items():
            _walk(below, (*name, str(key)), found)
        return
    found[".".join(name) or "trial"] = (word, tree[word])
    for option in tree[word] if word == "choice" and isinstance(tree[word], list) else ():
        if isinstance(option, Mapping):
            plain = {key: below for key, below in option.items() if key != "label"}
            _walk(plain, (*name, str(_label(option))), found)


def percent(share: float) -> str:
    """A share of 1, as pages write it: ``23 %``."""
    return f"{100 * share:.0f} %"


def tick_text(value: float) -> str:
    """A round number: thousands in full, very small and very large ones by their power."""
    return f"{value:g}" if value == 0 or 0.001 <= abs(value) < 1e5 else short(float(value))


def linear_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between the ends."""
    if not high > low or not math.isfinite(high - low):
        return [low]
    rough = (high - low) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten between the ends, with their halves and fifths where these are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        powers = range(first, last + 1)
        values = [factor * 10.0**power for power in powers for factor in factors]
        inside = [x for x in values if low * (1 - 1e-9) <= x <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside
    return inside[:: math.ceil(len(inside) / most)]
