"""Checks a space against its model: every alternative, every mistake, in linear time.

A base document takes the first value of every distribution; then one alternative at a time is
put in (the other options of a choice, the ends and an inner point of a range), with what it
needs above it.  So n alternatives cost n validations, not their product; a rule that joins two
options of the trial is met only where one of the two is at its first value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from animesearch.errors import Problem, SpaceError, UserError
from animesearch.searchspace import shapes
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
from animesearch.searchspace.wording import Path, Scalar, clean, dotted, show

MAX_PROBLEMS = 100
MAX_WORK = 200_000

_RANGE_HINTS = {
    "uniform": "a value within the range; for whole numbers use int",
    "loguniform": "a value within the range; for whole numbers use logint",
    "int": "a value within the range; list the allowed ones in a choice",
    "logint": "a value within the range; list the allowed ones in a choice",
    "normal": "an end of its range; cut it with low and high",
}

Picks: TypeAlias = Mapping[str, Scalar]


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

    def run(self) -> None:
        """Fill ``problems`` and ``fixed``."""
        base = build(self.tree, {})
        self.fixed = self._validate(base, {})
        self._coercions(base, (shapes.Slot(self.model),), (), {})
        top = tuple(parameters_of(self.tree))
        if self._too_much(top, _size(base)):
            return
        for parameter, picks in variations(top, {}):
            if len(self.problems) >= MAX_PROBLEMS:
                return
            self._vary(parameter, picks)

    def _too_much(self, top: tuple[Parameter, ...], size: int) -> bool:
        count = sum(1 + len(p.distribution.others()) for p in all_parameters(top))
        if count * size <= MAX_WORK:
            return False
        text = f"{count:,} alternatives of a document with {size:,} values are too many to check"
        self._add(Finding((), text), (), "")
        return True

    def _vary(self, parameter: Parameter, picks: Picks) -> None:
        data = build(self.tree, picks)
        self._validate(data, picks, parameter)
        value = data
        for key in parameter.loc:
            value = shapes.descend(value, key)
        slots = shapes.slots_at(self.model, data, parameter.loc)
        self._coercions(value, slots, parameter.loc, picks)

    def _validate(
        self, data: Any, picks: Picks, varied: Parameter | None = None
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


def variations(
    parameters: tuple[Parameter, ...], above: Picks
) -> Iterator[tuple[Parameter, Picks]]:
    """Every alternative but the first of each parameter, with the picks that lead to it."""
    for parameter in parameters:
        for value in parameter.distribution.others():
            yield parameter, {**above, parameter.name: value}
        if isinstance(parameter.distribution, Choice):
            for option in parameter.distribution.options:
                inside = {**above, parameter.name: option.label}
                yield from variations(option.parameters, inside)


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


def _hint(varied: Parameter | None, picks: Picks, source: Path) -> str:
    """Names the alternative where a mistake shows only with it, and in another place."""
    if varied is None:
        return ""
    if source == (*varied.source, varied.distribution.word):
        return _RANGE_HINTS.get(varied.distribution.word, "")
    if source[: len(varied.source)] == varied.source:
        return ""
    return f"with {varied.name} = {show(picks[varied.name])}"


def _size(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + sum(map(_size, value.values() if isinstance(value, dict) else value))
    return 1
