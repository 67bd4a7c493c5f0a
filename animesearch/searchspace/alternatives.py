"""The alternatives of a tree, one at a time and by twos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import TypeAlias

from animesearch.searchspace.distributions import Choice, Parameter
from animesearch.searchspace.wording import Scalar

Picks: TypeAlias = Mapping[str, Scalar]
"""Values by parameter name; a parameter that is not among them is at its first value."""
Alternative: TypeAlias = tuple[Parameter, Picks]
"""A parameter that is not at its first value, and the picks that lead to that."""


def variations(parameters: tuple[Parameter, ...], above: Picks) -> Iterator[Alternative]:
    """Every alternative but the first of each parameter, those of all options included."""
    for parameter in parameters:
        for value in parameter.distribution.others():
            yield parameter, {**above, parameter.name: value}
        for option, inside in _options(parameter, above):
            yield from variations(option, inside)


def pairs(
    parameters: tuple[Parameter, ...], above: Picks, wanted: Callable[[Parameter, Picks], bool]
) -> Iterator[tuple[list[Alternative], list[Alternative]]]:
    """Alternatives that meet: each of the first list stands in one trial with each of the second.

    ``parameters`` are those that ``above`` leads to.  Lists are of two of them and of what their
    options hold, alternatives that are not ``wanted`` left out; no list is empty.
    """
    lists = ([a for a in variations((p,), above) if wanted(*a)] for p in parameters)
    yield from combinations(filter(None, lists), 2)
    for parameter in parameters:
        for option, inside in _options(parameter, above):
            yield from pairs(option, inside, wanted)


def _options(parameter: Parameter, above: Picks) -> Iterator[tuple[tuple[Parameter, ...], Picks]]:
    """The parameters of each option of a choice, with the picks that lead to them."""
    if isinstance(parameter.distribution, Choice):
        for option in parameter.distribution.options:
            yield option.parameters, {**above, parameter.name: option.label}
