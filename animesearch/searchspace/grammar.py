"""From a parsed document to a tree with parameters: the grammar of distributions.

A mapping below ``trial`` that has one of the distribution words among its keys is a
distribution; the words are therefore no names of options.  ``trial`` itself may be a ``choice``
of groups, mappings with a label whose options belong together; what a group searches is named
after its label.  Nothing is thrown: mistakes are collected, and a distribution that cannot be
used leaves ``None`` in the tree and its path among ``broken``, so that the rest of the document
can still be checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from animesearch.errors import Problem, did_you_mean
from animesearch.searchspace.distributions import (
    QUANTILE,
    WORDS,
    Choice,
    Distribution,
    Integer,
    Normal,
    Option,
    Parameter,
    Tree,
    Uniform,
    parameters_of,
)
from animesearch.searchspace.document import Document
from animesearch.searchspace.wording import Path, clean, dotted, listed, show

_EXACT = 2**53
_LEAST_MASS = 1e-9
_NORMAL_KEYS = ("mean", "sd", "low", "high")


@dataclass(frozen=True)
class _Place:
    """Where the reader is: in the file, in the resolved document, and in parameter names."""

    source: Path = ()
    loc: Path = ()
    name: tuple[str, ...] = ()

    def child(self, key: str | int, named: bool) -> _Place:
        name = (*self.name, str(key)) if named else self.name
        return _Place((*self.source, key), (*self.loc, key), name)


class _MistakeError(Exception):
    """A broken distribution: path below it, message, hint."""

    def __init__(self, message: str, below: Path = (), hint: str = "") -> None:
        super().__init__(message)
        self.message, self.below, self.hint = message, below, hint


@dataclass
class Reader:
    """Reads a whole document; ``tree``, ``problems`` and ``broken`` are the result."""

    document: Document
    root: str
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def read(self) -> Tree:
        """The document with a :class:`Parameter` for every distribution below ``root``."""
        return self._walk(self.document.data, _Place())

    def report(self, path: Path, message: str, hint: str = "") -> None:
        """Note one mistake at ``path`` of the file."""
        problem = Problem(dotted(path), clean(message), self.document.line(path), clean(hint))
        self.problems.append(problem)

    def _walk(self, value: Any, place: _Place) -> Tree:
        if isinstance(value, list):
            return [self._walk(v, self._step(place, i)) for i, v in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if self._is_distribution(value, place):
            return self._parameter(value, place)
        return {key: self._walk(child, self._step(place, key)) for key, child in value.items()}

    def _step(self, place: _Place, key: str | int) -> _Place:
        return place.child(key, named=bool(place.source))

    def _is_distribution(self, value: dict[str, Any], place: _Place) -> bool:
        words = [key for key in value if key in WORDS]
        if place.source[:1] == (self.root,):
            return bool(words)
        alone = set(value) - {"low", "high"} == set(words) and len(words) == 1
        return alone and isinstance(value[words[0]], list | dict)

    def _parameter(self, value: dict[str, Any], place: _Place) -> Parameter | None:
        try:
            self._check_place(value, place)
            name = self._claim(place)
            distribution = self._distribution(value, place)
        except _MistakeError as mistake:
            self.report((*place.source, *mistake.below), mistake.message, mistake.hint)
            distribution = None
        if distribution is None:
            self.broken.add(place.source)
            if place.source[-1:] == ("name",):  # what the component allows is then unknown, too
                self.broken.add(place.source[:-1])
            return None
        return Parameter(name, place.loc, place.source, distribution)

    def _check_place(self, value: dict[str, Any], place: _Place) -> None:
        word = next(key for key in value if key in WORDS)
        if place.source[:1] != (self.root,):
            raise _MistakeError(
                f"this option belongs to the whole search and takes one value, got a '{word}'; "
                f"distributions may stand only below '{self.root}'"
            )
        if _is_root(place) and word != "choice":
            raise _MistakeError(
                f"'{self.root}' is a mapping of options, or a choice of such, got a '{word}'"
            )
        if place.source[-1] == "name":
            raise _MistakeError(
                "a component's name takes one word", (), "choose among the components"
            )

    def _claim(self, place: _Place) -> str:
        name = ".".join(place.name) or self.root
        if name in self._names or name + QUANTILE in self._names:
            raise _MistakeError(
                f"two parameters have the name '{clean(name, 80)}'", (), "rename a key"
            )
        self._names.update((name, name + QUANTILE))
        return name

    def _distribution(self, value: dict[str, Any], place: _Place) -> Distribution | None:
        words = [key for key in value if key in WORDS]
        if len(words) > 1:
            raise _MistakeError(f"one value takes one distribution, got {listed(words)}")
        word = words[0]
        beside = [key for key in value if key != word]
        if word != "normal" and beside:
            text = f"'{word}' stands alone in its mapping, beside it: {listed(map(show, beside))}"
            hint = "write what the groups share into each of them" if _is_root(place) else ""
            self.report(place.source, text, hint)
        if word == "choice":
            return self._choice(value[word], place)
        return _NUMERIC[word](value, word)

    def _choice(self, items: Any, place: _Place) -> Choice | None:
        if not isinstance(items, list) or not items:
            got = "an empty list" if items == [] else show(items)
            raise _MistakeError(
                f"choice takes a list of at least one option, got {got}", ("choice",)
            )
        components = any(isinstance(item, dict) for item in items)
        check = _check_group if _is_root(place) else partial(_check_option, components=components)
        labels: dict[object, object] = {}
        options: list[Option] = []
        for index, item in enumerate(items):
            source = (*place.source, "choice", index)
            if self._option_is_good(item, source, check, labels):
                options.append(self._option(item, place, source))
        return Choice(tuple(options)) if options else None

    def _option_is_good(
        self, item: Any, source: Path, check: Callable[[Any], None], labels: dict[object, object]
    ) -> bool:
        try:
            check(item)
            _check_label(item, labels)
        except _MistakeError as mistake:
            self.report((*source, *mistake.below), mistake.message, mistake.hint)
            return False
        return True

    def _option(self, item: Any, place: _Place, source: Path) -> Option:
        label = _label(item)
        if not isinstance(item, dict):
            return Option(label, item, source)
        inner = _Place(source, place.loc, (*place.name, str(label)))
        plain = {key: value for key, value in item.items() if key != "label"}
        tree = {key: self._walk(value, inner.child(key, True)) for key, value in plain.items()}
        return Option(label, tree, source, tuple(parameters_of(tree)))


def _is_root(place: _Place) -> bool:
    return len(place.source) == 1


def _label(item: Any) -> Any:
    return item.get("label", item.get("name")) if isinstance(item, dict) else item


def _check_option(item: Any, components: bool) -> None:
    if isinstance(item, list):
        raise _MistakeError("an option is a value or a component, got a list")
    if isinstance(item, dict):
        _check_component(item)
    elif components and not isinstance(item, str):
        raise _MistakeError(f"beside components an option is a component's name, got {show(item)}")


def _check_group(item: Any) -> None:
    """An option at the root of the trial: a whole trial, so nothing but its label names it."""
    if not isinstance(item, dict):
        raise _MistakeError(f"a group of options is a mapping with a 'label', got {show(item)}")
    if "label" not in item and not any(word in item for word in WORDS):
        raise _MistakeError("a group of options has a 'label'", (), _key_hint(item, "label"))
    _check_component(item)


def _check_component(item: dict[str, Any]) -> None:
    words = [key for key in item if key in WORDS]
    if words:
        raise _MistakeError(
            f"a '{words[0]}' cannot be an option itself, only stand below a component"
        )
    if "name" not in item and "label" not in item:
        text = "a component in a choice has a 'name', any other mapping a 'label'"
        raise _MistakeError(text, (), _key_hint(item, "name", "label"))
    if "name" in item and not isinstance(item["name"], str):
        raise _MistakeError(f"a component's name is one word, got {show(item['name'])}", ("name",))
    label = _label(item)
    if not isinstance(label, str) or not label or "." in label or len(label) > 64:
        where = ("label",) if "label" in item else ("name",)
        raise _MistakeError(
            f"a label is 1 to 64 characters without a dot, got {show(label)}", where
        )


def _key_hint(item: dict[str, Any], *keys: str) -> str:
    hints = (did_you_mean(word, keys) for word in item)
    return next(filter(None, hints), " or ".join(f"{{{key}: ..., option: ...}}" for key in keys))


def _check_label(item: Any, labels: dict[object, object]) -> None:
    label = _label(item)
    if label not in labels:
        labels[label] = label
        return
    if isinstance(item, dict):
        raise _MistakeError(f"two options have the label {show(label)}", (), "give one a 'label'")
    first = labels[label]
    if repr(first) != repr(label):
        raise _MistakeError(f"{show(label)} and {show(first)} are equal and cannot be told apart")
    raise _MistakeError(f"the option {show(label)} stands twice")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(values: list[Any]) -> str:
    return f"[{listed(map(show, values))}]"


def _bounds(value: Any, word: str) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise _MistakeError(f"{word} takes [low, high], got {show(value)}", (word,))
    if not all(map(_is_number, value)):
        raise _MistakeError(f"the ends of {word} are numbers, got {_shown(value)}", (word,))
    low, high = value
    log = word.startswith("log")
    if not low < high or (log and not low > 0):
        rule = "0 < low < high" if log else "low < high"
        raise _MistakeError(f"{word} needs {rule}, got {_shown(value)}", (word,))
    return low, high


def _read_uniform(value: dict[str, Any], word: str) -> Uniform:
    low, high = map(float, _bounds(value[word], word))
    if not low < high or not math.isfinite(high - low):
        text = f"{word} needs ends that floats tell apart, a finite way apart"
        raise _MistakeError(f"{text}, got {_shown(value[word])}", (word,))
    return Uniform(low, high, word == "loguniform")


def _read_integer(value: dict[str, Any], word: str) -> Integer:
    low, high = _bounds(value[word], word)
    if not isinstance(low, int) or not isinstance(high, int):
        raise _MistakeError(
            f"the ends of {word} are whole numbers, got {_shown([low, high])}", (word,)
        )
    if max(abs(low), abs(high)) > _EXACT:
        raise _MistakeError(f"{word} reaches to 2^53, got {_shown([low, high])}", (word,))
    return Integer(low, high, word == "logint")


def _read_normal(value: dict[str, Any], word: str) -> Normal:
    options = _normal_options(value)
    given = {key: item for key, item in options.items() if item is not None}
    wrong = [key for key, item in given.items() if not _is_number(item)]
    if wrong:
        got = listed(show(given[key]) for key in wrong)
        raise _MistakeError(f"{listed(wrong)} of normal must be numbers, got {got}", (word,))
    mean, sd, low, high = (float(given[k]) if k in given else None for k in _NORMAL_KEYS)
    if mean is None or sd is None:
        raise _MistakeError("normal needs 'mean' and 'sd'", (word,), "normal: [0, 1], or by name")
    normal = Normal(mean, sd, low, high)
    _check_normal(normal)
    return normal


def _normal_options(value: dict[str, Any]) -> dict[str, Any]:
    inside = value["normal"]
    if isinstance(inside, list):
        if len(inside) != 2:
            raise _MistakeError(f"normal takes [mean, sd], got {show(inside)}", ("normal",))
        inside = dict(zip(("mean", "sd"), inside, strict=True))
    if not isinstance(inside, dict):
        raise _MistakeError(
            f"normal takes [mean, sd] or a mapping, got {show(inside)}", ("normal",)
        )
    beside = {key: item for key, item in value.items() if key != "normal"}
    _check_normal_keys(inside, _NORMAL_KEYS, ("normal",))
    _check_normal_keys(beside, ("low", "high"), ())
    twice = sorted(set(inside) & set(beside))
    if twice:
        raise _MistakeError(f"'{twice[0]}' of normal is given twice")
    return {**inside, **beside}


def _check_normal_keys(given: dict[str, Any], allowed: tuple[str, ...], below: Path) -> None:
    unknown = [key for key in given if key not in allowed]
    if unknown:
        text = f"unknown key {show(unknown[0])} of normal; allowed: {listed(allowed)}"
        raise _MistakeError(text, (*below, unknown[0]), did_you_mean(unknown[0][:64], allowed))


def _check_normal(normal: Normal) -> None:
    if not normal.sd > 0:
        raise _MistakeError(f"normal needs sd > 0, got {show(normal.sd)}", ("normal",))
    low, high = normal.low, normal.high
    if low is not None and high is not None and not low < high:
        raise _MistakeError(f"normal needs low < high, got low {show(low)}, high {show(high)}")
    if not math.isfinite(normal.mean + 9 * normal.sd) or not math.isfinite(
        normal.mean - 9 * normal.sd
    ):
        raise _MistakeError(
            f"normal reaches beyond the floats, sd is {show(normal.sd)}", ("normal",)
        )
    mass = normal.mass[1] - normal.mass[0]
    if not mass > _LEAST_MASS:
        hint = "use uniform or loguniform there"
        raise _MistakeError(
            f"normal has a share of {mass:.1g} between low and high", ("normal",), hint
        )


_NUMERIC: dict[str, Callable[[dict[str, Any], str], Distribution]] = {
    "uniform": _read_uniform,
    "loguniform": _read_uniform,
    "int": _read_integer,
    "logint": _read_integer,
    "normal": _read_normal,
}
