"""A cluster file as it was written: its values, and the line of each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from animesearch.errors import Problem, UserError
from animesearch.files import read_bounded

Key = tuple[str | int, ...]

LARGEST_FILE = 1_000_000
"""Bytes; a launcher file has a few thousand."""

LARGEST_TREE = 100_000
"""Values after all aliases are written out; more is a mistake or an alias bomb."""

LONGEST_NAME = 200
"""Characters of a file's name in a message."""

WORD_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
"""A key is a word, or ``<<``, which merges another mapping."""
VALUE_FAULTS = (ValueError, KeyError, AttributeError, TypeError, OverflowError)
"""What a value raises that looks like a date or number, or is tagged as one, and is none."""
FLOAT_TAG = "tag:yaml.org,2002:float"
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One mistake, at a place in the tree that need not have a line of its own."""

    key: Key
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Source:
    """``tree`` is plain data with words as keys; ``lines`` are 1-based."""

    tree: dict[str, Any]
    lines: Mapping[Key, int]

    def problem(self, finding: Finding) -> Problem:
        """``finding`` with the line of its place, or of the nearest place around it."""
        known = next(key for key in _outwards(finding.key) if key in self.lines)
        path = ".".join(str(part) for part in finding.key)
        return Problem(path, finding.message, self.lines[known], finding.hint)


def read_source(path: Path) -> Source | list[Problem]:
    """The file's values, or what keeps it from being read as a mapping of words.

    Of several documents the one that is a ``RayJob``: what belongs to it stands beside it.

    Raises:
        UserError: there is no such file, it cannot be read, or it is larger than ``LARGEST_FILE``.
    """
    text = _read(path)
    try:
        root = _chosen([one for one in yaml.compose_all(text, Loader=yaml.SafeLoader) if one])
        problems = [root] if isinstance(root, Problem) else list(_structure_problems(root))
        if problems or isinstance(root, Problem):
            return problems
        lines = dict(_lines(root, ()))
        return Source(yaml.SafeLoader("").construct_document(root), lines)
    except yaml.YAMLError as error:
        return [_syntax_problem(error)]
    except VALUE_FAULTS as error:
        return [Problem("", f"not YAML: {error}", 1)]
    except RecursionError:
        return [Problem("", "nested too deeply", 1)]


def _chosen(roots: list[yaml.Node]) -> yaml.Node | Problem:
    """The document that is meant."""
    if not roots:
        return Problem("", "the file is empty", 1)
    chosen = roots if len(roots) == 1 else [root for root in roots if _is_job(root)]
    if len(chosen) == 1:
        return chosen[0]
    message = f"{len(roots)} documents, {len(chosen)} of them a RayJob: one is looked for"
    return Problem("", message, _line(roots[1]))


def _is_job(root: yaml.Node) -> bool:
    return any(
        isinstance(label, yaml.Node) and (label.value, child.value) == ("kind", "RayJob")
        for label, child in _children(root)
    )


def _read(path: Path) -> str:
    name = str(path)[:LONGEST_NAME]
    try:
        if not path.is_file():
            raise UserError(f"{name}: {'is no file' if path.exists() else 'no such file'}")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise UserError(f"{name}: {size} bytes, at most {LARGEST_FILE} are read")
        return read_bounded(path, LARGEST_FILE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not UTF-8 text: {error}") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{name}: cannot be read: {why}") from error


def _outwards(key: Key) -> Iterator[Key]:
    return (key[:length] for length in range(len(key), -1, -1))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    return Problem("", f"not YAML: {what}", None if mark is None else mark.line + 1)


def _structure_problems(root: yaml.Node) -> Iterator[Problem]:
    if _expanded_size(root) > LARGEST_TREE:
        yield Problem("", f"aliases expand to more than {LARGEST_TREE} values", _line(root))
    elif not isinstance(root, yaml.MappingNode):
        yield Problem("", "must be a mapping (`key: value` lines)", _line(root))
    else:
        yield from _key_problems(root, ())


def _expanded_size(root: yaml.Node) -> float:
    """Number of values with aliases written out; infinite when a value contains itself."""
    sizes: dict[int, float] = {}

    def size(node: yaml.Node) -> float:
        if id(node) not in sizes:
            sizes[id(node)] = float("inf")  # what a cycle finds while this node is open
            sizes[id(node)] = 1 + sum(size(child) for _, child in _children(node))
        return sizes[id(node)]

    return size(root)


def _children(node: yaml.Node) -> Iterator[tuple[yaml.Node | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _key_problems(node: yaml.Node, key: Key) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for label, child in _children(node):
        inner = (*key, _word(label))
        if isinstance(label, yaml.Node):
            yield from _label_problems(label, key, seen)
        if child.tag == FLOAT_TAG and NOT_FINITE.fullmatch(child.value):
            path = ".".join(str(part) for part in inner)
            yield Problem(path, f"numbers must be finite, got {child.value}", _line(child))
        yield from _key_problems(child, inner)


def _label_problems(label: yaml.Node, key: Key, seen: dict[str, int]) -> Iterator[Problem]:
    word, path = str(label.value), ".".join(str(part) for part in key)
    if label.tag not in WORD_TAGS:
        yield Problem(path, f"key {word!r} must be a word", _line(label), "put it in quotes")
    elif word in seen:
        yield Problem(path, f"key {word!r} stands twice, first in line {seen[word]}", _line(label))
    seen.setdefault(word, _line(label))


def _word(label: yaml.Node | int) -> str | int:
    return label if isinstance(label, int) else str(label.value)


def _lines(node: yaml.Node, key: Key) -> Iterator[tuple[Key, int]]:
    yield key, _line(node)
    for label, child in _children(node):
        inner = (*key, _word(label))
        yield from _lines(child, inner)
        if isinstance(label, yaml.Node):
            yield inner, _line(label)  # after the value's own line: the key's line wins
