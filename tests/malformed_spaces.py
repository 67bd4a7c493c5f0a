"""Space files with one mistake each, generated: a good space with something evil put into it.

:func:`malformed` is a Hypothesis strategy of (what it is, bytes of the file).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import yaml
from hypothesis import strategies as st

from tests.tuning.small import SPACE

Path: TypeAlias = tuple[str | int, ...]
Named: TypeAlias = tuple[str, bytes]
GOOD: dict[str, Any] = yaml.safe_load(SPACE)
DEEPEST = 10_000
ESCAPES = ("\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\u202e", "\x7f", "\u2028", "\ud7ff")


@dataclass(frozen=True)
class Raw:
    """A text that stands in the file as it is."""

    text: str


def flow(value: Any, level: int = 1) -> str:
    """YAML in braces and brackets, a key to a line."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        pad = "\n" + " " * level
        pairs = (f"{pad}{_key(key)}: {flow(item, level + 1)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item, level + 1) for item in value) + "]"
    return json.dumps(value)


def _key(key: str | Raw) -> str:
    return key.text if isinstance(key, Raw) else json.dumps(key)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below ``value``."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from paths(item, (*path, key))


def at(path: Path) -> Any:
    """What stands there in the good space."""
    value: Any = GOOD
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy of ``value`` with ``new`` at ``path``."""
    if not path:
        return new
    first, *rest = path
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[first] = replaced(value[first], tuple(rest), new)
    return copy


PLACES = list(paths(GOOD))
MAPPINGS = [path for path in PLACES if isinstance(at(path), dict)]
NUMBERS = [path for path in PLACES if isinstance(at(path), int | float)]


def wrong_values() -> st.SearchStrategy[Raw]:
    """Values that are wrong wherever they stand."""
    return st.one_of(
        st.sampled_from(["[[1]]", "{a: {b: 1}}", "[{}]", "{'': {'': ''}}"]),
        st.integers(64, 3000).flatmap(
            lambda power: st.sampled_from([f"{10**power}", f"-{10**power}", hex(16**power)])
        ),
        st.integers(309, 10**6).map(lambda power: f"1e{power}"),
        st.sampled_from([".inf", "-.Inf", ".nan", ".NaN", "1e999", "-1.0e+400", str(2**64)]),
        st.sampled_from(["2020-01-01", "2001-12-14t21:59:43.10-05:00"]),
        st.sampled_from(
            [
                "!!python/object/apply:os.system ['true']",
                "!!python/name:os.system",
                "!!binary aGk=",
                "!!timestamp 2020-01-01",
                "!!set {a, b}",
                "!mine 1",
                "!<tag:x,2000:y> 1",
                "!!float 1",
            ]
        ),
        st.sampled_from(["*nowhere", "&a [*a]", "&a {b: *a}", "&a {b: &b [*a, *b]}"]),
        st.sampled_from(["'\x00'", '"\\0"', '"\\e[31m"', '"\\x9b"', "'\x1b[2J'", '"\\ud800"']),
        st.integers(5000, 90_000).map(lambda length: f"'{'x' * length}'"),
    ).map(Raw)


def wrong_numbers() -> st.SearchStrategy[Raw]:
    """Numbers that no option of the space takes, and what is no number."""
    numbers = [-(2**63), -1, -0.5, "true", "yes", "~", "1 000", "0b11", "1:30"]
    return st.sampled_from(numbers).map(str).map(Raw)


def bombs() -> st.SearchStrategy[Raw]:
    """Deep nesting, and aliases that multiply."""
    openings = st.sampled_from(["[", "{a: ", "[{a: ", "[[[{b: [", "{? [", "- ", "? "])
    deep = st.tuples(openings, st.integers(70, DEEPEST)).map(lambda pair: pair[0] * pair[1])
    laughs = st.tuples(st.integers(6, 40), st.integers(6, 12), st.sampled_from(["[]", "{}", "<<"]))
    return st.one_of(deep, laughs.map(lambda drawn: laughter(*drawn))).map(Raw)


def laughter(levels: int, width: int, form: str) -> str:
    """A billion laughs; with ``<<`` by merge keys."""
    parts = ["&l0 [" + ", ".join("1" * width) + "]" if form == "[]" else "&l0 {k: 1}"]
    for level in range(1, levels):
        below = [f"*l{level - 1}"] * width
        inner = {
            "[]": f"[{', '.join(below)}]",
            "{}": "{" + ", ".join(f"k{n}: {alias}" for n, alias in enumerate(below)) + "}",
            "<<": "{<<: [" + ", ".join(below) + "]}",
        }[form]
        parts.append(f"&l{level} {inner}")
    return f"[{', '.join(parts)}]"


def wrong_keys() -> st.SearchStrategy[Raw | str]:
    """Keys that no mapping of a space has."""
    words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)
    return st.one_of(
        words.map(lambda word: f"zz{word}"),
        st.sampled_from(["1", "1.5", "true", "~", "[a]", "{a: b}", "? [a]", "<<"]).map(Raw),
        st.sampled_from(ESCAPES).map(lambda escape: f"k{escape}"),
        st.integers(4097, 20_000).map(lambda length: "k" * length),
        st.just("k" * 1_000_000),
    )


def _file(what: str, value: Any) -> Named:
    return what, flow(value).encode("utf-8", "replace")


def _swapped(what: str, path: Path, new: Raw) -> Named:
    return _file(f"{what} at {path}", replaced(GOOD, path, new))


def _with_key(path: Path, key: Raw | str) -> Named:
    return _file(f"key in {path}", replaced(GOOD, path, {**at(path), key: 1}))


def _twice(path: Path) -> Named:
    entries = at(path)
    first = next(iter(entries))
    doubled = {**entries, Raw(json.dumps(first)): entries[first]}
    return _file(f"{first} twice in {path}", replaced(GOOD, path, doubled))


def _without(key: str) -> Named:
    return _file(f"no {key}", {name: item for name, item in GOOD.items() if name != key})


WRONG_DISTRIBUTIONS = (
    "{uniform: [1, 0]}", "{uniform: [1, 1]}", "{uniform: 1}", "{loguniform: [0, 1]}",
    "{loguniform: [-1, 1]}", "{int: [0.5, 2]}", "{int: [0, 9007199254740993]}",
    "{logint: [0, 9]}", "{normal: [0, 0]}", "{normal: {mean: 0}}", "{normal: [0, 1e-320]}",
    "{normal: [0, 1], low: 40}", "{choice: []}", "{choice: 1}", "{choice: [1, 1.0, true]}",
    "{choice: [[1]]}", "{choice: [{choice: [1]}]}", "{choice: [{lr: 1}]}",
    "{uniform: [0, 1], x: 1}",
    "{choice: [1], uniform: [0, 1]}", "{uniform: [-1.7e308, 1.7e308]}", "{normal: [1e308, 1e308]}",
    "{choice: [" + ", ".join(f"1{n}" for n in range(30_000)) + "]}",
)  # fmt: skip
DISTRIBUTED = [("trial", "generator", "lr"), ("trial", "batch"), ("search", "trials")]


def _encoded(text: str, how: str) -> bytes:
    return {
        "utf-16": text.encode("utf-16"),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-32": text.encode("utf-32"),
        "latin-1": text.replace("small", "sm\xe4ll").encode("latin-1"),
        "cut": text.encode() + "ä".encode()[:1],
        "nul": text.encode().replace(b"small", b"sm\0ll"),
        "surrogate": text.encode() + b"# \xed\xa0\x80",
    }[how]


ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cut", "nul", "surrogate")
BROKEN = (
    "[",
    "{",
    "]",
    "}",
    '"',
    "'",
    "@a",
    "`a",
    "%x y",
    "a: b: c",
    "\t- a",
    "&a &b c",
    "*",
    "!<",
)
NOTHING = ("", " ", "\n", "\t", "---", "---\n", "...", "# x", "\ufeff", "~", "--- ~")
TAILS = ("\n---\n{}\n", "\n...\n---\na: 1\n", "\n--- 1", "\n...\nrubbish\n")


def _damaged(place: float, mark: str, line_end: str) -> Named:
    """Rubbish on a line of its own between two others of a file in block style."""
    lines = SPACE.strip().splitlines()
    number = int(place * (len(lines) - 1)) + 1
    text = line_end.join([*lines[:number], mark, *lines[number:]])
    return f"{mark!r} as line {number + 1}", text.encode()


def _misspelt(word: str, letter: str, line_end: str) -> Named:
    """In a file of any system's line ends."""
    wrong = letter + word[1:]
    text = SPACE.strip().replace(word, wrong).replace("\n", line_end)
    return f"{word} as {wrong}", text.encode()


def _of_size(drawn: tuple[str, int]) -> Named:
    kind, size = drawn
    text = {
        "bytes": "# " + "x" * (size * 50),
        "items": "name: x\ntrial: [" + "1, " * size + "]",
        "keys": "\n".join(f"k{n}: 1" for n in range(size)),
        "blank": "\n" * size,
        "comments": "# c\n" * size,
        "spaces": " " * size,
    }[kind]
    return f"{size} {kind}", text.encode()


def malformed() -> st.SearchStrategy[Named]:
    """Files that are refused, and what is wrong with them."""
    anywhere, line_ends = st.sampled_from(PLACES), st.sampled_from(["\n", "\r\n", "\r"])
    words = st.sampled_from(["trial", "search", "source", "architecture", "penn-dcgan", "asha"])
    letters = st.sampled_from("zqäß字\U0001f600")
    sizes = st.tuples(
        st.sampled_from(["bytes", "items", "keys", "blank", "comments", "spaces"]),
        st.integers(20_001, 200_000),
    )
    swap: Callable[[str], Any] = partial(partial, _swapped)
    return st.one_of(
        st.builds(swap("wrong"), anywhere, wrong_values()),
        st.builds(swap("bomb"), anywhere, bombs()),
        st.builds(swap("number"), st.sampled_from(NUMBERS), wrong_numbers()),
        st.builds(swap("distribution"), st.sampled_from(DISTRIBUTED),
                  st.sampled_from(WRONG_DISTRIBUTIONS).map(Raw)),
        st.builds(_with_key, st.sampled_from(MAPPINGS), wrong_keys()),
        st.builds(_twice, st.sampled_from(MAPPINGS)),
        st.builds(_without, st.sampled_from(["dataset", "trial", "search"])),
        st.builds(_damaged, st.floats(0, 1), st.sampled_from(BROKEN), line_ends),
        st.builds(_misspelt, words, letters, line_ends),
        st.sampled_from(ENCODINGS).map(lambda how: (how, _encoded(SPACE, how))),
        st.sampled_from(NOTHING).map(lambda text: (repr(text), text.encode())),
        st.sampled_from(TAILS).map(lambda tail: (repr(tail), (SPACE.strip() + tail).encode())),
        sizes.map(_of_size),
    )  # fmt: skip
