"""YAML as this package reads it."""

from __future__ import annotations

import pytest
import yaml

from animesearch.errors import SpaceError
from animesearch.searchspace import document
from animesearch.searchspace.document import parse_document


def value_of(text: str) -> object:
    return parse_document(f"x: {text}\n".encode(), "f").data["x"]


def refusal(text: str | bytes) -> tuple[str, int | None, str]:
    with pytest.raises(SpaceError) as caught:
        parse_document(text.encode() if isinstance(text, str) else text, "f")
    assert len(caught.value.problems) == 1, str(caught.value)
    problem = caught.value.problems[0]
    return problem.path, problem.line, problem.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("1.0e-4", 1e-4),
        (".5", 0.5),
        ("5.", 5.0),
        ("-3", -3),
        ("+3", 3),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("32_000", 32000),
        ("1_000_000", 1_000_000),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775807", 2**63 - 1),
        ("32_00", "32_00"),
        ("1:30", "1:30"),
        ("none", "none"),
        ("no", "no"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("y", "y"),
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("'1'", "1"),
        ('"null"', "null"),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ("one-sided", "one-sided"),
        ("../data/x.tar", "../data/x.tar"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


def test_lines_and_nesting() -> None:
    text = b"# top\na:\n  b: 1\n  c:\n    - 2\n    - {d: 3,\n       e: 4}\n'f': |\n  text\n"
    read = parse_document(text, "f")
    assert read.data == {"a": {"b": 1, "c": [2, {"d": 3, "e": 4}]}, "f": "text\n"}
    lines = [("a",), ("a", "b"), ("a", "c"), ("a", "c", 0), ("a", "c", 1, "e"), ("f",)]
    assert [read.line(path) for path in lines] == [2, 3, 4, 5, 7, 8]
    assert read.line(("a", "c", 1, "d", "deeper")) == 6
    assert read.line(("nowhere",)) == read.line(()) == 2


def test_aliases_are_written_out() -> None:
    read = parse_document(b"a: &x {b: [1, 2]}\nc: *x\nd:\n- *x\n", "f")
    assert read.data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}]}
    assert read.data["a"] is not read.data["c"]
    assert read.line(("c",)) == 2
    assert read.line(("c", "b")) == 1
    assert read.line(("d", 0)) == 1


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "", 3, "the key 'a' stands twice, first in line 1"),
        ("a:\n  b: 2\n  b: 3\n", "a", 3, "the key 'b' stands twice, first in line 2"),
        ("a: 1\n2: b\n", "", 2, "a key must be text, got 2"),
        ("a: 1\nnull: b\n", "", 2, "a key must be text, got nothing (null)"),
        ("a: 1\n[x]: b\n", "", 2, "a key must be text, got a list of 1 item"),
        ("a: !!python/object:os.system x\n", "a", 1, "tags are not taken"),
        ("a: !!str 5\n", "a", 1, "tags are not taken"),
        ("a: ! 5\n", "a", 1, "tags are not taken, got !"),
        ("a:\n- 1\n- !x [1]\n", "a.1", 3, "tags are not taken, got !x"),
        ("a: &x 1\n<<: {b: 2}\n", "", 2, "merge keys (<<) are not taken"),
        ("a: *nope\n", "a", 1, "the alias *nope has no anchor above it"),
        ("a: &x\n  b: [1, *x]\n", "a.b.1", 2, "the alias *x stands inside its own anchor"),
        ("a: &x [*x]\n", "a.0", 1, "a cycle"),
        ("a: .inf\n", "a", 1, "numbers must be finite, got .inf"),
        ("a: -.Inf\n", "a", 1, "numbers must be finite"),
        ("a: .nan\n", "a", 1, "numbers must be finite"),
        ("a: 1e999\n", "a", 1, "numbers must be finite, got 1e999"),
        ("a: 9223372036854775808\n", "a", 1, "is beyond 64 bits"),
        (f"a: {'9' * 3000}\n", "a", 1, "(3000 characters) is beyond 64 bits"),
        ("a: 2020-01-01\n", "a", 1, "'2020-01-01' is a date"),
        ("a: 2001-12-14t21:59:43.10-05:00\n", "a", 1, "is a date"),
        ("a: 1\n---\nb: 2\n", "", 2, "a second document begins here"),
        ("- 1\n", "", 1, "a space file is a mapping of options, got a list of 1 item"),
        ("just text\n", "", 1, "got 'just text'"),
        ("", "", 1, "got nothing (null)"),
        ("# only a comment\n", "", 1, "got nothing (null)"),
        ("a: [1, 2\nb: 3\n", "", 2, "not YAML"),
        ("a: 'open\n", "", 1, "not YAML"),
        ("a:\n\t- b\n", "", 2, "not YAML"),
        ("a: 1\nb: \x07\n", "", 2, "not YAML"),
        ('a: "\\0"\n', "a", 1, "control character #x00"),
        ('a: "\\e[31m"\n', "a", 1, "control character #x1b"),
        (f"a: {'x' * 5000}\n", "a", 1, "a value of 5,000 characters"),
        (b"a: 1\nb: \xff\n", "", 2, "not UTF-8 text: byte 0xff at offset 8"),
        ("a: 1\n".encode("utf-16"), "", 1, "not UTF-8 text"),
        (b"a: " + b"x" * 1_000_001, "", 1, "larger than 1,000,000 bytes"),
        ("a: " + "[" * 70 + "]" * 70, "a" + ".0" * 63, 1, "nested deeper than 64 levels"),
        ("a: " + "[" * 400_000, "a" + ".0" * 63, 1, "nested deeper than 64 levels"),
        ("a: [" + "1, " * 30_000 + "]", "a.19997", 1, "more than 20,000 keys and values"),
    ],
)
def test_refused_documents(text: str | bytes, path: str, line: int, message: str) -> None:
    found = refusal(text)
    assert found[:2] == (path, line)
    assert message in found[2]


def test_every_yaml_mistake_in_one_report() -> None:
    with pytest.raises(SpaceError) as caught:
        parse_document(b"a: .inf\na: 2\nb: !t 1\n3: x\nc: 2020-01-01\n", "f.yaml")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3, 4, 5]
    assert str(caught.value).startswith("f.yaml: 5 mistakes\n  line 1, a: ")


def test_nesting_through_aliases_is_counted() -> None:
    levels = ["l0: &l0 [1]"] + [f"l{i}: &l{i} [*l{i - 1}]" for i in range(1, 80)]
    _, line, message = refusal("\n".join(levels))
    assert (line, message) == (64, "nested deeper than 64 levels")


def test_anchor_bomb_is_cut_early() -> None:
    bomb = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    bomb += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 40)]
    assert "more than 20,000 keys and values" in refusal("\n".join(bomb))[2]


def test_byte_order_mark_and_line_ends() -> None:
    read = parse_document(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f")
    assert read.data == {"a": 1, "b": 2}
    assert read.line(("b",)) == 2


def test_without_the_c_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    assert value_of("{a: [1e-4, none], b: &x c, d: *x}") == {
        "a": [1e-4, "none"],
        "b": "c",
        "d": "c",
    }
    assert refusal("a: 1\nb: \x07\n") == (
        "",
        2,
        "not YAML: special characters are not allowed (#x0007)",
    )
    assert refusal('a: "\\ud800"\n')[2].startswith("the control character #xd800")
    assert refusal("a: [1\n")[2].startswith("not YAML")
