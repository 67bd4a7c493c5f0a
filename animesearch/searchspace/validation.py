"""Checks a space against its model: every alternative, every mistake, in bounded time.

A base document takes the first value of every distribution; then one alternative at a time is
put in (the other options of a choice, the ends and an inner point of a range), with what it
needs above it.  So n alternatives cost n validations, not their product.

Components must fit together (an architecture and a loss), so their alternatives are put in by
twos as well: every option of one choice of components with every option of another that can stand
in the same trial.  Two choices whose product is too large (``MAX_WORK``) are left out.  A rule
that joins other values, or three components, is met only where the rest of them is at its first
value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pydantic import BaseModel, ValidationError

from animesearch.errors import Problem, SpaceError, UserError
from animesearch.searchspace import shapes
from animesearch.searchspace.alternatives import Picks, pairs, variations
from animesearch.searchspace.distributions import (
    Choice,
    Integer,
    Parameter,
    Tree,
    Uniform,
    all_parameters,
    concrete,
    parameters_of,
)
from animesearch.searchspace.document import Document
from animesearch.searchspace.explain import Finding, explain
from animesearch.searchspace.wording import Path, Scalar, clean, dotted, listed, show

MAX_PROBLEMS = 100
MAX_WORK = 200_000
"""Documents times their size, for single alternatives and for pairs each."""

_RANGE_HINTS = {
    "uniform": "a value within the range; for whole numbers use int",
    "loguniform": "a value within the range; for whole numbers use logint",
    "int": "a value within the range; list the allowed ones in a choice",
    "logint": "a value within the range; list the allowed ones in a choice",
    "normal": "an end of its range; cut it with low and high",
}


@dataclass
class Validator:
    """One check of one tree; ``problems`` grows, ``fixed`` is the base document's model."""

    document: Document
    model: type[BaseModel]
    tree: Tree
    broken: set[Path]
    problems: list[Problem] = field(default_factory=list)
    fixed: BaseModel | None = None
    _seen: set[tuple[Path, str]] = field(default_factory=set)
    _paths: set[Path] = field(default_factory=set)
    _ends: set[Path] = field(default_factory=set)
    _components: dict[str, bool] = field(default_factory=dict)

    def run(self) -> None:
        """Fill ``problems`` and ``fixed``."""
        base = build(self.tree, {})
        self.fixed = self._validate(base, {})
        self._coercions(base, (shapes.Slot(self.model),), (), {})
        top, size = tuple(parameters_of(self.tree)), _size(self.tree)
        if self._too_much(top, size):
            return
        for parameter, picks in variations(top, {}):
            if len(self.problems) >= MAX_PROBLEMS:
                return
            self._vary(parameter, picks)
        self._vary_in_pairs(top, MAX_WORK // size)

    def _too_much(self, top: tuple[Parameter, ...], size: int) -> bool:
        count = sum(1 + len(p.distribution.others()) for p in all_parameters(top))
        if count * size <= MAX_WORK:
            return False
        text = f"{count:,} alternatives of a document with {size:,} values are too many to check"
        self._add(Finding((), text), (), "")
        return True

    def _vary(self, parameter: Parameter, picks: Picks) -> None:
        data = build(self.tree, picks)
        self._validate(data, picks, (parameter,))
        value = data
        for key in parameter.loc:
            value = shapes.descend(value, key)
        slots = shapes.slots_at(self.model, data, parameter.loc)
        self._coercions(value, slots, parameter.loc, picks)

    def _vary_in_pairs(self, top: tuple[Parameter, ...], documents: int) -> None:
        for ones, others in pairs(top, {}, self._is_component):
            if len(ones) * len(others) > documents:
                continue
            documents -= len(ones) * len(others)
            for (one, above), (other, beside) in product(ones, others):
                if len(self.problems) >= MAX_PROBLEMS:
                    return
                picks = {**above, **beside}
                self._validate(build(self.tree, picks), picks, (one, other))

    def _is_component(self, parameter: Parameter, picks: Picks) -> bool:
        """Whether the alternatives of ``parameter`` are components."""
        if parameter.name not in self._components:
            self._components[parameter.name] = self._takes_components(parameter, picks)
        return self._components[parameter.name]

    def _takes_components(self, parameter: Parameter, picks: Picks) -> bool:
        if not isinstance(parameter.distribution, Choice):
            return False
        values = [option.value for option in parameter.distribution.options]
        if any(isinstance(value, dict) and "name" in value for value in values):
            return True
        if not all(isinstance(value, str | dict) for value in values):
            return False
        slots = shapes.slots_at(self.model, build(self.tree, picks), parameter.loc)
        return any(slot.registry is not None for slot in slots)

    def _validate(
        self, data: Any, picks: Picks, varied: tuple[Parameter, ...] = ()
    ) -> BaseModel | None:
        try:
            return self.model.model_validate(data)
        except ValidationError as error:
            found = explain(self.model, data, error)
        except UserError as error:  # not a ValueError: pydantic lets it pass
            found = iter([Finding((), str(error))])
        for finding in found:
            if len(self.problems) > MAX_PROBLEMS:
                break
            source = locate(self.tree, finding.loc, picks, finding.at_key)
            if not {(*source, 0), (*source, 1)} & self._ends:
                self._add(finding, source, _hint(varied, picks, source))
        return None

    def _coercions(self, value: Any, slots: Any, loc: Path, picks: Picks) -> None:
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, child in items:
                inner = shapes.children(slots, value, key)
                self._coercions(child, inner, (*loc, key), picks)
            return
        expected = shapes.coerced(slots, value)
        source = locate(self.tree, loc, picks) if expected else ()
        if expected and source not in self._paths:
            hint = "no quotes" if isinstance(value, str) and "number" in expected else ""
            self._add(Finding(loc, f"expected {expected}, got {show(value)}"), source, hint)

    def _add(self, finding: Finding, source: Path, hint: str) -> None:
        key = (source, finding.message)
        if key in self._seen or any(source[:n] in self.broken for n in range(len(source) + 1)):
            return
        self._seen.add(key)
        self._paths.add(source)
        if len(source) > 1 and source[-2] in _RANGE_HINTS:
            self._ends.add(source)
        message, line = clean(finding.message), self.document.line(source)
        hint = clean(finding.hint or hint)
        self.problems.append(Problem(dotted(source), message, line, hint))


def check(problems: list[Problem], file: str) -> None:
    """Raise :class:`SpaceError` with ``problems`` in the order of the file, if there are any."""
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))
    if len(ordered) > MAX_PROBLEMS:
        text = f"there are more mistakes than these {MAX_PROBLEMS}"
        more = Problem("", text, ordered[MAX_PROBLEMS].line)
        ordered = [*ordered[:MAX_PROBLEMS], more]
    raise SpaceError(file, tuple(ordered))


def build(tree: Tree, picks: Picks) -> Any:
    """The plain document in which every parameter that ``picks`` lacks has its first value."""
    return concrete(tree, lambda parameter: _pick(parameter, picks))


def _pick(parameter: Parameter, picks: Picks) -> Scalar:
    return picks.get(parameter.name, parameter.distribution.first)


def locate(tree: Tree, loc: Path, picks: Picks, at_key: bool = False) -> Path:
    """Place in the file of the value at ``loc`` of ``build(tree, picks)``, or of its key."""
    source: Path = ()
    for key in loc:
        tree, source = _follow(tree, source, picks)
        tree, source = shapes.descend(tree, key), (*source, key)
    return source if at_key else _follow(tree, source, picks)[1]


def _follow(tree: Tree, source: Path, picks: Picks) -> tuple[Tree, Path]:
    while isinstance(tree, Parameter):
        distribution, value = tree.distribution, _pick(tree, picks)
        source = (*tree.source, distribution.word)
        if isinstance(distribution, Choice):
            option = distribution.option(value)
            tree, source = option.value, option.source
        else:
            return None, (*source, *_end(distribution, value))
    return tree, source


def _end(distribution: object, value: Scalar) -> Path:
    if not isinstance(distribution, Uniform | Integer):
        return ()
    return {distribution.low: (0,), distribution.high: (1,)}.get(value, ())  # type: ignore


def _hint(varied: tuple[Parameter, ...], picks: Picks, source: Path) -> str:
    """Names the alternatives where a mistake shows only with them, and in another place."""
    if len(varied) == 1:
        [one] = varied
        if source == (*one.source, one.distribution.word):
            return _RANGE_HINTS.get(one.distribution.word, "")
        if source[: len(one.source)] == one.source:
            return ""
    named = listed(f"{one.name} = {show(picks[one.name])}" for one in varied)
    return f"with {named}" if named else ""


def _size(tree: Tree) -> int:
    """Values of the largest document that ``tree`` stands for."""
    if isinstance(tree, dict | list):
        return 1 + sum(map(_size, tree.values() if isinstance(tree, dict) else tree))
    if isinstance(tree, Parameter) and isinstance(tree.distribution, Choice):
        return max(_size(option.value) for option in tree.distribution.options)
    return 1
