"""Malformed files: a report with lines, quickly, and never another exception."""

from __future__ import annotations

import random
import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from animesearch.errors import Problem, SpaceError
from animesearch.searchspace import parse_space
from tests.searchspace.models import FULL, File, RandomSuggest

SECONDS = 2.0
HEAD = "title: t\ntrial:\n  body: round\n"


def attempt(raw: bytes) -> tuple[Problem, ...] | None:
    """Problems of a refused file, ``None`` for a good one, within the time limit."""
    begun = time.process_time()
    try:
        space = parse_space(raw, "hostile.yaml", File)
    except SpaceError as error:
        assert error.problems
        assert all(problem.line is not None and problem.line >= 1 for problem in error.problems)
        assert all(line.isprintable() for line in str(error).splitlines())
        assert len(str(error)) < 70_000
        return error.problems
    finally:
        assert time.process_time() - begun < SECONDS
    File.model_validate({**space.data, "trial": space.sample(RandomSuggest(0)).tree})
    return None


def _bomb(levels: int, width: int, form: str) -> str:
    first = f"l0: &l0 {form.format(', '.join(['1'] * width))}"
    rest = [
        f"l{i}: &l{i} {form.format(', '.join([f'*l{i - 1}'] * width))}" for i in range(1, levels)
    ]
    return "\n".join([first, *rest])


HANDWRITTEN = [
    "",
    "\0",
    "\x1b[31m",
    "---",
    "--- 1",
    "---\n---\n",
    "...",
    "%YAML 9.9\n---\na: 1",
    "%TAG ! tag:x,2000:\n---\na: !y 1",
    "%" * 1000,
    "null",
    "[]",
    "{}",
    "{",
    "}",
    "]",
    "[" * 100_000,
    "{a: " * 100_000,
    "[{" * 100_000,
    "? " * 100_000,
    "- " * 100_000,
    "a: " * 100_000,
    "&a " * 1000,
    "*a",
    "*" * 1000,
    "!" * 1000,
    "'" * 1001,
    '"' * 1001,
    "|" * 1000,
    ">" * 1000,
    "@a",
    "`a",
    "a: b: c",
    "a: |\n b\nc",
    "\t- a",
    ": : :",
    ",,,",
    "? [a, b]\n: c",
    "? {a: b}\n: c",
    "[a]: b",
    "{a: b}: c",
    "&a a: *a",
    "a: &a {b: *a}",
    "a: &a [*a, *a]",
    "a: &a\n  b: &b [*a, *b]",
    "<<: {a: 1}",
    "<<: [{a: 1}, {b: 2}]",
    "a: &a {x: 1}\nb: {<<: *a}",
    _bomb(60, 10, "[{}]"),
    _bomb(9, 9, "[{}]"),
    _bomb(15000, 1, "[{}]"),
    "a: &a [" + "1, " * 9000 + "]\n" + "\n".join(f"b{i}: *a" for i in range(1000)),
    HEAD + "  extra: &x {" + ", ".join(f"k{i}: 1" for i in range(3000)) + "}\nq: [*x, *x, *x, *x]",
    "!!python/object/apply:os.system ['true']",
    "a: !!python/object/apply:os.system ['true']",
    "a: !!python/name:os.system",
    "a: !!python/module:os",
    "a: !!binary aGVsbG8=",
    "a: !!set {a, b}",
    "a: !!omap [a: 1]",
    "a: !!timestamp 2020-01-01",
    "a: !!float 1",
    "a: !<tag:yaml.org,2002:str> 1",
    "a: 2020-01-01",
    f"a: {'9' * 4000}",
    f"a: -{'9' * 4000}",
    f"a: 0x{'f' * 4000}",
    f"a: {'9' * 900_000}",
    f"a: 1e{'9' * 4000}",
    f"a: 0.{'0' * 4000}1",
    "a: .inf\nb: -.inf\nc: .nan",
    f"{'k' * 900_000}: 1",
    f"{'k' * 4000}: 1",
    f"a: {'x' * 900_000}",
    f"a: '{'x' * 900_000}'",
    f'a: "{chr(92)}ud800"',
    'a: "\\0\\e\\a"',
    'a: "\\xzz"',
    "a: \ufeffb",
    "\u2028a: 1",
    "a: 1\n" * 9000,
    "1: a\n" * 9000,
    "[x]: a\n" * 900,
    "a: !x 1\n" * 900,
    "\n" * 900_000,
    "#" * 900_000,
    "# c\n" * 200_000,
    " " * 900_000,
    "a:\n" + " " * 900_000 + "b: 1",
    "[" + "1," * 400_000,
    "{" + "a," * 400_000,
    "- 1\n" * 200_000,
    "a: >\n" + " x\n" * 200_000,
    "title: 1\ntrial: 2\nsearch: 3",
    "title: t\ntrial: []",
    "title: t\ntrial: {body: [round]}",
    "title: t\ntrial: {body: {name: [round]}}",
    "title: t\ntrial: {body: {name: {name: round}}}",
    "title: t\ntrial: {body: {name: null}}",
    "title: t\ntrial: {body: {}}",
    "title: t\nchoice: [1]",
    "choice: [1]",
    "normal: {low: 1}",
    "low: 1\nhigh: 2",
    "uniform: [0, 1]\nlow: 3",
    HEAD + "  left: {choice: [{lr: 1}, {lr: 2}]}",
    HEAD + "  left: {uniform: [0, 1]}",
    HEAD + "  batch: {choice: [" + "{choice: [" * 20 + "1" + "]}" * 21,
    HEAD + "  batch: {normal: [1e300, 1e300]}",
    HEAD + "  shift: {normal: [0, 1e-320], low: -1e300, high: 1e300, sd: 1}",
    HEAD + "  shift: {normal: [1e308, 1e-320], low: -1.7e308}\n  q: 1",
    HEAD + "  shift: {uniform: [-1.7e308, 1.7e308]}",
    HEAD + "  shift: {loguniform: [5e-324, 1e-323, 1]}",
    HEAD + "  batch: {int: [-9223372036854775808, 9223372036854775807]}",
    HEAD + "  batch: {int: [0.5, x]}",
    HEAD + "  batch: {logint: [0, 0]}",
    HEAD + "  batch: {choice: [" + "bad, " * 4000 + "]}",
    HEAD + "  batch: {choice: [" + ", ".join(f"bad{i}" for i in range(8000)) + "]}",
    HEAD + "  batch: {choice: [" + ", ".join(f"{i}" for i in range(9000)) + "]}",
    HEAD + "  body2: {choice: [" + ", ".join(f"{{name: x{i}}}" for i in range(4000)) + "]}",
    HEAD + "  left: {choice: [" + ", ".join(f"{{a: {i}}}" for i in range(4000)) + "]}",
    HEAD + "\n".join(f"  k{i}: {{uniform: [1, 0]}}" for i in range(3000)),
    HEAD + "\n".join(f"  k{i}: {{choice: [1, 2, 3]}}" for i in range(2000)),
    HEAD + "".join(f"  bodyy{i}: 1\n" for i in range(9000)),
    HEAD + "  extra: {" + ", ".join(f"k{i}: x" for i in range(9000)) + "}",
    HEAD + "  extra: {" + ", ".join(f"k{i}: '1'" for i in range(9000)) + "}",
    "title: t\ntrial: {body: {name: square, paints: [" + "x, " * 9000 + "]}}",
    "title: t\ntrial: {body: {name: square, paints: [" + "{name: q}, " * 6000 + "]}}",
    "title: t\ntrial: {body: {name: square, sides: [" + "1, " * 15000 + "]}}",
    "title: t\ntrial: {body: {name: round, paint: "
    + "{name: layered, below: " * 70
    + "plain"
    + "}" * 72,
    "title: t\ntrial: {body: {name: round, paint: "
    + "{choice: [plain, {name: layered, below: " * 20
    + "plaim"
    + "}]}" * 20
    + "}}",
]


@pytest.mark.parametrize("text", HANDWRITTEN, ids=range(len(HANDWRITTEN)))
def test_handwritten(text: str) -> None:
    assert attempt(text.encode()) is not None


@pytest.mark.parametrize(
    "raw", [b"\xff", b"\x80abc", b"a: \xc3\x28", b"\x00\x01" * 999, b"\xef\xbb"]
)
def test_bytes_that_are_no_text(raw: bytes) -> None:
    assert attempt(raw) is not None


def test_as_large_as_allowed_and_larger() -> None:
    assert attempt(b"a: 1 #" + b"x" * 999_994) is not None
    assert attempt(b"#" + b"x" * 50_000_000) is not None


WORDS = ["choice", "uniform", "loguniform", "int", "logint", "normal", "mean", "sd", "low", "high"]
KEYS = ["name", "label", "body", "left", "lr", "batch", "extra", "trial", "title", "paint", "below"]
VALUES = ["round", "square", "plain", "layered", "auto", "none", "", "\x00", "\U0001f600", "x" * 99]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(VALUES)
    | st.text(max_size=20)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS + KEYS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)
QUICK = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@QUICK
@given(tree=TREES)
def test_any_tree_as_a_trial(tree: object) -> None:
    raw = yaml.safe_dump({"title": "t", "trial": tree}, allow_unicode=True)
    attempt(raw.encode("utf-8", "replace"))


@QUICK
@given(tree=TREES, key=st.sampled_from(["body", "left", "batch", "extra", "shift"]))
def test_any_tree_as_an_option(tree: object, key: str) -> None:
    trial = {"body": "round", key: tree}
    attempt(yaml.safe_dump({"title": "t", "trial": trial}).encode("utf-8", "replace"))


@QUICK
@given(text=st.text(alphabet="{}[]:,-?!&*#|>'\"%@` \n\tab1.0~<", max_size=60))
def test_any_punctuation(text: str) -> None:
    attempt(text.encode())
    attempt((HEAD + "  shift: " + text).encode())


@QUICK
@given(raw=st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    attempt(raw)


@pytest.mark.parametrize("seed", range(200))
def test_a_good_file_with_damage(seed: int) -> None:
    lot = random.Random(seed)
    raw = bytearray(FULL)
    for _ in range(lot.randint(1, 6)):
        start = lot.randrange(len(raw))
        damage = lot.choice(
            [b"", b"&a ", b"*a ", b"!x ", b"[", b"}", b"\n", b"9" * 30, b"\xff", b": "]
        )
        raw[start : start + lot.randint(0, 5)] = damage
    attempt(bytes(raw))


@QUICK
@given(override=st.text(max_size=40) | st.builds("trial.{}={}".format, st.text(), st.text()))
def test_any_override(override: str) -> None:
    try:
        parse_space(FULL, "f", File, [override])
    except SpaceError as error:
        assert all(line.isprintable() for line in str(error).splitlines())
