"""Safe reading of a YAML file into plain Python, with the line of every value.

The dialect is the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema):
``1e-4`` is a number, ``none``, ``no``, ``off`` are words, ``null`` is ``None``.  Beside it,
``1_000_000`` is an integer.  Refused: tags, merge keys, cycles, keys that are no strings or stand
twice, numbers that are not finite or do not fit into 64 bits, dates, and sizes that no honest
space file has (the ``MAX_*`` constants).

The parser's events are read one at a time with an explicit stack, so that hostile nesting or
multiplying aliases are noticed before they cost memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from animesearch.errors import Problem, SpaceError
from animesearch.searchspace.wording import Path, Scalar, clean, dotted, show

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 20_000
MAX_SCALAR = 4_096

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?(?:[0-9]+|[0-9]{1,3}(?:_[0-9]{3})+)\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?\Z", re.DOTALL)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """A parsed file: ``data`` is plain Python, ``lines`` gives the 1-based line of each path.

    A path without an entry has the line of its nearest ancestor; ``None`` stands for ``--set``.
    """

    file: str
    text: str
    data: dict[str, Any]
    lines: dict[Path, int | None]

    def line(self, path: Path) -> int | None:
        """Line of ``path`` or of its nearest ancestor in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return self.lines.get((), 1)


def parse_document(raw: bytes, file: str) -> Document:
    """Parse one YAML document whose top is a mapping.

    Raises :class:`SpaceError` with every mistake of the YAML itself.
    """
    text = _decode(raw, file)
    composer = _Composer(file)
    root = composer.compose(text)
    if not isinstance(root.value, dict):
        line = min(root.line, _last_line(text))  # of nothing: behind it
        composer.fatal(line, f"a space file is a mapping of options, got {_plain_show(root)}")
    if composer.problems:
        raise SpaceError(file, tuple(composer.problems))
    lines: dict[Path, int | None] = {(): root.line}
    data = _plain(root, (), lines)
    assert isinstance(data, dict)
    return Document(file, text, data, lines)


def parse_value(text: str, path: Path) -> Any:
    """Plain value of a YAML fragment from the command line; problems carry ``path``, no line."""
    name = dotted(path)
    if len(text) > MAX_BYTES:
        raise SpaceError("--set", (Problem(name, f"longer than {MAX_BYTES} characters"),))
    composer = _Composer("--set", path)
    try:
        root = composer.compose(text)
    except SpaceError as error:
        raise SpaceError("--set", _without_lines(error.problems, name)) from None
    if composer.problems:
        raise SpaceError("--set", _without_lines(tuple(composer.problems), name))
    return _plain(root, (), {})


def _without_lines(problems: tuple[Problem, ...], path: str) -> tuple[Problem, ...]:
    return tuple(Problem(p.path or path, p.message, None, p.hint) for p in problems)


def _decode(raw: bytes, file: str) -> str:
    if len(raw) > MAX_BYTES:
        message = f"larger than {MAX_BYTES:,} bytes; a space file is a page of text"
        raise SpaceError(file, (Problem("", message, 1),))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise SpaceError(file, (Problem("", message, line),)) from None


@dataclass(slots=True)
class _Node:
    """One value; ``depth`` counts the levels of nesting, ``open`` while it is being read."""

    line: int
    value: Scalar | list[_Node] | dict[str, _Node]
    key_lines: dict[str, int] = field(default_factory=dict)
    depth: int = 0
    open: bool = False


@dataclass(slots=True)
class _Frame:
    """A collection that is being read; ``key`` is the pending key of a mapping."""

    node: _Node
    path: Path
    size_before: int
    anchor: str | None
    key: str | None = None
    has_key: bool = False


@dataclass(slots=True)
class _Anchor:
    """A named node and its number of values with aliases written out."""

    node: _Node
    size: int


class _Composer:
    """Turns parser events into nodes and collects the mistakes met on the way."""

    def __init__(self, file: str, prefix: Path = ()) -> None:
        self.file = file
        self.prefix = prefix
        self.problems: list[Problem] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._size = 0
        self._root: _Node | None = None
        self._documents = 0

    def compose(self, text: str) -> _Node:
        try:
            for event in _events(text):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            self._stack.clear()  # where the parser gave up says little about the place
            self.fatal(_error_line(error, text), f"not YAML: {_reason(error)}")
        except yaml.reader.ReaderError as error:
            line = text.encode().count(b"\n", 0, error.position) + 1
            self._stack.clear()
            self.fatal(line, f"not YAML: {error.reason} (#x{_code(error):04x})")
        return self._root or _Node(1, None)

    def fatal(self, line: int, message: str, hint: str = "") -> NoReturn:
        """Stop here, with what was found so far."""
        self._report(line, message, hint)
        raise SpaceError(self.file, tuple(self.problems))

    def _report(self, line: int, message: str, hint: str = "") -> None:
        if len(self.problems) < 100:
            problem = Problem(dotted(self._path()), clean(message), line, clean(hint))
            self.problems.append(problem)

    def _path(self) -> Path:
        if not self._stack:
            return self.prefix
        frame = self._stack[-1]
        if isinstance(frame.node.value, list):
            return (*frame.path, len(frame.node.value))
        return (*frame.path, frame.key) if frame.key is not None else frame.path

    def _take(self, event: yaml.Event) -> None:
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._alias(event, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._count(1, line)
            node = _Node(line, self._scalar(event, line))
            self._name(event.anchor, node, 1)
            self._place(node)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self.fatal(line, "a second document begins here; a space is one document")

    def _count(self, number: int, line: int) -> None:
        self._size += number
        if self._size > MAX_NODES:
            self.fatal(line, f"more than {MAX_NODES:,} keys and values, with aliases written out")

    def _name(self, anchor: str | None, node: _Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchor(node, size)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        anchor = self._anchors.get(event.anchor or "")
        if anchor is None:
            self.fatal(line, f"the alias *{event.anchor} has no anchor above it")
        if anchor.node.open:
            self.fatal(line, f"the alias *{event.anchor} stands inside its own anchor: a cycle")
        if len(self._stack) + anchor.node.depth > MAX_DEPTH:
            self.fatal(line, f"nested deeper than {MAX_DEPTH} levels")
        self._count(anchor.size, line)
        self._place(anchor.node, line)

    def _open(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self.fatal(line, f"nested deeper than {MAX_DEPTH} levels")
        self._count(1, line)
        if event.tag is not None:
            self._refuse_tag(event.tag, line)
        mapping = isinstance(event, yaml.MappingStartEvent)
        node = _Node(line, {} if mapping else [], open=True)
        self._name(event.anchor, node, 0)
        self._stack.append(_Frame(node, self._path(), self._size - 1, event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        node = frame.node
        children = node.value.values() if isinstance(node.value, dict) else node.value
        assert not isinstance(children, str | int | float | None)
        node.depth = 1 + max((child.depth for child in children), default=0)
        node.open = False
        self._name(frame.anchor, node, self._size - frame.size_before)
        self._place(node)

    def _place(self, node: _Node, line: int | None = None) -> None:
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node.value, list):
            frame.node.value.append(node)
        elif not frame.has_key:
            self._take_key(frame, node, line or node.line)
        else:
            self._take_entry(frame, node)

    def _take_key(self, frame: _Frame, node: _Node, line: int) -> None:
        assert isinstance(frame.node.value, dict)
        frame.has_key = True
        if not isinstance(node.value, str):
            self._report(line, f"a key must be text, got {_plain_show(node)}", "put it in quotes")
        elif node.value in frame.node.value:
            first = frame.node.key_lines[node.value]
            self._report(line, f"the key {show(node.value)} stands twice, first in line {first}")
        elif node.value == "<<":
            self._report(line, "merge keys (<<) are not taken", "write the options out")
        else:
            frame.key = node.value
            frame.node.key_lines[node.value] = line

    def _take_entry(self, frame: _Frame, node: _Node) -> None:
        assert isinstance(frame.node.value, dict)
        if frame.key is not None:
            frame.node.value[frame.key] = node
        frame.key, frame.has_key = None, False

    def _refuse_tag(self, tag: str, line: int) -> None:
        self._report(line, f"tags are not taken, got {clean(tag, 60)}", "write the plain value")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        text = event.value
        if event.tag is not None:
            self._refuse_tag(event.tag, line)
        if len(text) > MAX_SCALAR:
            self._report(line, f"a value of {len(text):,} characters; at most {MAX_SCALAR:,}")
            return None
        bad = _FORBIDDEN.search(text)
        if bad is not None:
            self._report(line, f"the control character #x{ord(bad.group()):02x} in a text")
            return None
        plain = event.implicit[0] and not event.style
        return self._resolve(text, line) if plain else text

    def _resolve(self, text: str, line: int) -> Scalar:
        if text in _NULLS:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INTEGER.match(text) or _BASED.match(text):
            return self._integer(text, line)
        if _FLOAT.match(text) or _NOT_FINITE.match(text):
            return self._float(text, line)
        if _DATE.match(text):
            self._report(line, f"{show(text)} is a date; options are text and numbers", "quote it")
        return text

    def _integer(self, text: str, line: int) -> int | None:
        value = int(text, 0) if _BASED.match(text) else int(text)
        if -(2**63) <= value < 2**63:
            return value
        digits = clean(text, 12)
        self._report(line, f"the integer {digits} ({len(text)} characters) is beyond 64 bits")
        return None

    def _float(self, text: str, line: int) -> float | None:
        value = float(text) if _FLOAT.match(text) else math.inf
        if math.isfinite(value):
            return value
        self._report(line, f"numbers must be finite, got {clean(text, 24)}")
        return None


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
    return events


def _error_line(error: yaml.MarkedYAMLError, text: str) -> int:
    """The marked line; an error at the end of the file is marked behind its last line."""
    return min(_line(error.problem_mark or error.context_mark), _last_line(text))


def _last_line(text: str) -> int:
    return max(1, len(text.splitlines()))


def _line(mark: Any) -> int:
    return int(mark.line) + 1 if mark is not None else 1


def _reason(error: yaml.MarkedYAMLError) -> str:
    parts = [error.context, error.problem]
    return ", ".join(part for part in parts if part) or "cannot be parsed"


def _code(error: yaml.reader.ReaderError) -> int:
    character: int | str | bytes = error.character
    return character if isinstance(character, int) else ord(character[:1] or "?")


def _plain_show(node: _Node) -> str:
    return show(node.value) if node.value is not None else "nothing (null)"


def _plain(node: _Node, path: Path, lines: dict[Path, int | None]) -> Any:
    if isinstance(node.value, dict):
        for key in node.value:
            lines[(*path, key)] = node.key_lines[key]
        return {key: _plain(child, (*path, key), lines) for key, child in node.value.items()}
    if isinstance(node.value, list):
        for index, child in enumerate(node.value):
            lines[(*path, index)] = child.line
        return [_plain(child, (*path, i), lines) for i, child in enumerate(node.value)]
    return node.value
