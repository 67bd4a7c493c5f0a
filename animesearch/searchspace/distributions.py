"""What a distribution is once it has been read: how to draw it, replay it and list it.

All classes are frozen dataclasses over plain numbers and text, so that they pickle and compare.
A *tree* is a value of the trial as plain Python in which a leaf may be a :class:`Parameter`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Protocol, TypeAlias

from animesearch.errors import UserError
from animesearch.searchspace.wording import Path, Scalar, clean, listed, show

Params: TypeAlias = dict[str, Scalar]
Tree: TypeAlias = Any  # Scalar | Parameter | list[Tree] | dict[str, Tree]
QUANTILE = ".quantile"
WORDS = ("choice", "uniform", "loguniform", "int", "logint", "normal")
_LAST_QUANTILE = 1.0 - 2.0**-53


class Suggest(Protocol):
    """Whoever picks the values: a sampler, a study's trial, a fixed list."""

    def categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """One of ``choices``."""
        ...

    def uniform(self, name: str, low: float, high: float, log: bool = False) -> float:
        """A float of [low, high]."""
        ...

    def integer(self, name: str, low: int, high: int, log: bool = False) -> int:
        """An integer of [low, high], both ends included."""
        ...


@dataclass(frozen=True)
class Uniform:
    """A float of [low, high], uniform in itself or, with ``log``, in its logarithm."""

    low: float
    high: float
    log: bool = False

    @property
    def word(self) -> str:
        """The word of the grammar."""
        return "loguniform" if self.log else "uniform"

    @property
    def first(self) -> float:
        """The value that stands for this distribution in the base document."""
        return self.low

    def others(self) -> list[float]:
        """Values that, beside ``first``, show whether the whole range is allowed."""
        return [self.high, self._at(0.381966)]

    def draw(self, name: str, suggest: Suggest) -> Params:
        """Suggested values by parameter name."""
        value = suggest.uniform(name, self.low, self.high, log=self.log)
        return {name: min(max(float(value), self.low), self.high)}

    def read(self, name: str, params: Mapping[str, Scalar]) -> float:
        """The recorded value; :class:`UserError` where it is missing or out of range."""
        return float(_in_range(name, params, self.low, self.high))

    def grid(self, name: str, points: int) -> Iterator[Params]:
        """``points`` values from low to high (their middle for one point), without repeats."""
        steps = [0.5] if points == 1 else [i / (points - 1) for i in range(points)]
        return ({name: value} for value in dict.fromkeys(self._at(step) for step in steps))

    def count(self, points: int | None) -> int | None:
        """Number of grid values; ``None`` for a continuous range without ``points``."""
        return None if points is None else sum(1 for _ in self.grid("", points))

    def _at(self, fraction: float) -> float:
        if fraction in {0.0, 1.0}:
            return self.high if fraction else self.low
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            value = math.exp(low + fraction * (high - low))
        else:
            value = self.low + fraction * (self.high - self.low)
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Integer:
    """An integer of [low, high], both included, uniform in itself or in its logarithm."""

    low: int
    high: int
    log: bool = False

    @property
    def word(self) -> str:
        """The word of the grammar."""
        return "logint" if self.log else "int"

    @property
    def first(self) -> int:
        """The value that stands for this distribution in the base document."""
        return self.low

    def others(self) -> list[int]:
        """The other end, and the neighbour of ``first``, which a divisibility rule refuses."""
        return [self.high, *([self.low + 1] if self.low + 1 < self.high else [])]

    def draw(self, name: str, suggest: Suggest) -> Params:
        """Suggested values by parameter name."""
        value = int(suggest.integer(name, self.low, self.high, log=self.log))
        return {name: min(max(value, self.low), self.high)}

    def read(self, name: str, params: Mapping[str, Scalar]) -> int:
        """The recorded value; :class:`UserError` where it is missing, broken or out of range."""
        value = _in_range(name, params, self.low, self.high)
        if value != int(value):
            raise UserError(f"parameter '{name}' is a whole number, got {show(value)}")
        return int(value)

    def grid(self, name: str, points: int) -> Iterator[Params]:  # noqa: ARG002
        """Every integer, whatever ``points``."""
        return ({name: value} for value in range(self.low, self.high + 1))

    def count(self, points: int | None) -> int:  # noqa: ARG002
        """Number of grid values."""
        return self.high - self.low + 1


@dataclass(frozen=True)
class Normal:
    """A normal of ``mean`` and standard deviation ``sd``, cut to [low, high].

    Drawn as ``value(u)``, the inverse of its distribution function at a uniform u of [0, 1];
    u is recorded beside the value, under the parameter's name with ``.quantile`` after it.  An
    end that is not given lies about 8.3 sd from the mean, where a double runs out of quantiles.
    """

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None

    @property
    def word(self) -> str:
        """The word of the grammar."""
        return "normal"

    @property
    def first(self) -> float:
        """The median."""
        return self.value(0.5)

    def others(self) -> list[float]:
        """Both ends."""
        return [self.value(0.0), self.value(1.0)]

    @cached_property
    def mass(self) -> tuple[float, float]:
        """Quantiles of the untruncated normal at the two ends."""
        normal = NormalDist(self.mean, self.sd)
        low = 0.0 if self.low is None else normal.cdf(self.low)
        high = 1.0 if self.high is None else normal.cdf(self.high)
        return low, high

    def value(self, quantile: float) -> float:
        """The value below which lies a share ``quantile`` of the truncated normal."""
        low, high = self.mass
        share = min(max(low + quantile * (high - low), 2.0**-53), _LAST_QUANTILE)
        value = NormalDist(self.mean, self.sd).inv_cdf(share)
        return self._cut(value)

    def _cut(self, value: float) -> float:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return min(max(value, low), high)

    def draw(self, name: str, suggest: Suggest) -> Params:
        """The uniform and the value that follows from it."""
        quantile = min(max(float(suggest.uniform(name + QUANTILE, 0.0, 1.0)), 0.0), 1.0)
        return {name: self.value(quantile), name + QUANTILE: quantile}

    def read(self, name: str, params: Mapping[str, Scalar]) -> float:
        """The recorded value, or the one of the recorded uniform where only that is there."""
        if name not in params and name + QUANTILE in params:
            return self.value(float(_in_range(name + QUANTILE, params, 0.0, 1.0)))
        return float(_in_range(name, params, self._cut(-math.inf), self._cut(math.inf)))

    def grid(self, name: str, points: int) -> Iterator[Params]:
        """The middles of ``points`` strata of equal probability, without repeats."""
        seen: dict[float, float] = {}
        for quantile in ((i + 0.5) / points for i in range(points)):
            seen.setdefault(self.value(quantile), quantile)
        return ({name: value, name + QUANTILE: quantile} for value, quantile in seen.items())

    def count(self, points: int | None) -> int | None:
        """Number of grid values; ``None`` without ``points``."""
        return None if points is None else sum(1 for _ in self.grid("", points))


@dataclass(frozen=True)
class Option:
    """One option of a choice: what a sampler sees, what the trial gets, where it stands."""

    label: Scalar
    value: Tree
    source: Path
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One of several scalars or components; ``options`` are in the order of the file."""

    options: tuple[Option, ...]

    @property
    def word(self) -> str:
        """The word of the grammar."""
        return "choice"

    @property
    def first(self) -> Scalar:
        """Label of the first option."""
        return self.options[0].label

    @property
    def labels(self) -> list[Scalar]:
        """What a sampler chooses among."""
        return [option.label for option in self.options]

    @cached_property
    def _by_label(self) -> dict[Scalar, Option]:
        return {option.label: option for option in self.options}

    def others(self) -> list[Scalar]:
        """Every label but the first."""
        return self.labels[1:]

    def option(self, label: object) -> Option:
        """The option of ``label``; ``KeyError`` where there is none."""
        return self._by_label[label]  # type: ignore[index]

    def draw(self, name: str, suggest: Suggest) -> Params:
        """The chosen label."""
        return {name: self.option(suggest.categorical(name, self.labels)).label}

    def read(self, name: str, params: Mapping[str, Scalar]) -> Scalar:
        """The recorded label; :class:`UserError` where it is missing or not an option."""
        value = _recorded(name, params)
        if value not in self._by_label:
            allowed = clean(listed(show(label) for label in self.labels), 200)
            raise UserError(f"parameter '{name}' is {show(value)}; allowed: {allowed}")
        return self.option(value).label

    def grid(self, name: str, points: int) -> Iterator[Params]:
        """Every option with the grid of its own parameters."""
        for option in self.options:
            for inner in grid_product(option.parameters, points):
                yield {name: option.label, **inner}

    def count(self, points: int | None) -> int | None:
        """Number of grid values."""
        counts = [grid_count(option.parameters, points) for option in self.options]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


Distribution: TypeAlias = Uniform | Integer | Normal | Choice


@dataclass(frozen=True)
class Parameter:
    """A leaf to be sampled.

    ``name`` is its dotted path through the labels, relative to the trial; ``loc`` its place in
    the resolved document, ``source`` its place in the file.
    """

    name: str
    loc: Path
    source: Path
    distribution: Distribution


def concrete(tree: Tree, pick: Callable[[Parameter], Scalar]) -> Any:
    """``tree`` with every parameter replaced by what ``pick`` gives (labels by their options)."""
    if isinstance(tree, Parameter):
        value = pick(tree)
        chosen = tree.distribution
        return concrete(chosen.option(value).value, pick) if isinstance(chosen, Choice) else value
    if isinstance(tree, dict):
        return {key: concrete(child, pick) for key, child in tree.items()}
    if isinstance(tree, list):
        return [concrete(child, pick) for child in tree]
    return tree


def parameters_of(tree: Tree) -> Iterator[Parameter]:
    """The parameters that are always sampled, in the order of the file."""
    if isinstance(tree, Parameter):
        yield tree
    elif isinstance(tree, dict | list):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from parameters_of(child)


def all_parameters(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    """``parameters`` and those of all their options, parents first."""
    for parameter in parameters:
        yield parameter
        if isinstance(parameter.distribution, Choice):
            for option in parameter.distribution.options:
                yield from all_parameters(option.parameters)


def grid_product(parameters: Sequence[Parameter], points: int) -> Iterator[Params]:
    """Product of the grids of ``parameters``, the last one fastest; lazy in every factor."""
    if not parameters:
        yield {}
        return
    open_: list[tuple[Params, Iterator[Params]]] = [({}, _grid(parameters[0], points))]
    while open_:
        so_far, values = open_[-1]
        value = next(values, None)
        if value is None:
            open_.pop()
        elif len(open_) == len(parameters):
            yield {**so_far, **value}
        else:
            open_.append(({**so_far, **value}, _grid(parameters[len(open_)], points)))


def _grid(parameter: Parameter, points: int) -> Iterator[Params]:
    return parameter.distribution.grid(parameter.name, points)


def grid_count(parameters: Iterable[Parameter], points: int | None) -> int | None:
    """Number of points of :func:`grid_product`; ``None`` where a factor is continuous."""
    product = 1
    for parameter in parameters:
        count = parameter.distribution.count(points)
        if count is None:
            return None
        product *= count
    return product


def _recorded(name: str, params: Mapping[str, Scalar]) -> Scalar:
    if name not in params:
        raise UserError(f"the record has no value of the parameter '{name}'")
    return params[name]


def _in_range(name: str, params: Mapping[str, Scalar], low: float, high: float) -> float:
    value = _recorded(name, params)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(
            f"parameter '{name}' must lie in [{show(low)}, {show(high)}], got {show(value)}"
        )
    return value
