"""Run folders of strangers: a good one with something evil written into its records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import strategies as st

Key: TypeAlias = tuple[str | int, ...]
Edit: TypeAlias = tuple[str, Key, str]
"""File, path of a value in it, and the JSON to put there."""
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\x08\r"
TEXTS = ("", "x" * 10_000, ESCAPES, "<script>", "../x", "/etc/passwd", "..", "t0000", "[bold]x",
         "=cmd()", "\x00", "\u2028\n\n")  # fmt: skip
NUMBERS = (0, 1, -1, 2**31, 2**63, 2**64, -(2**70), 10**400, 1e308, -1e308, 5e-324, True)
TREES: tuple[object, ...] = (None, [], {}, [[[]]], {"a": {"b": [1]}}, [1] * 1000)
WRITTEN = ("NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"', "9" * 5000, "[" * 100_000,
           "[" * 3000 + "]" * 3000, '{"a":' * 500 + "1" + "}" * 500, "{", "")  # fmt: skip


def places(value: Any, path: Key = ()) -> Iterator[Key]:
    """Every place below ``value``."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def edits(run: Path) -> st.SearchStrategy[list[Edit]]:
    """One to three values of the records of ``run``, replaced."""
    files = [run / "run.json", *sorted((run / "journal").iterdir()), *run.glob("trials/*/*.json")]
    known = [
        (str(file.relative_to(run)), key)
        for file in files
        for key in places(json.loads(file.read_text()))
    ]
    heads = [place for place in known if place[0] == "run.json"]
    plain = st.sampled_from([*TEXTS, *NUMBERS, *TREES]).map(json.dumps)
    one = st.tuples(
        st.sampled_from(known) | st.sampled_from(heads), plain | st.sampled_from(WRITTEN)
    )
    edit = one.map(lambda drawn: (*drawn[0], drawn[1]))
    return st.lists(edit, min_size=1, max_size=3)


def spoil(run: Path, changes: list[Edit]) -> None:
    """Write them; what a change before has made unreadable stays."""
    for name, key, text in changes:
        edit(run / name, key, text)


def edit(file: Path, key: Key, text: str) -> None:
    try:
        tree = json.loads(file.read_text())
        place = tree
        for part in key[:-1]:
            place = place[part]
        place[key[-1]] = "@here@"
    except (ValueError, TypeError, LookupError, RecursionError):
        return
    file.write_text(json.dumps(tree).replace('"@here@"', text))


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """``value`` with every text in it changed, keys and a few words that readers know excepted."""
    if isinstance(value, dict):
        return {
            key: item if key in {"kind", "state", "action", "phase", "outcome", "trial_id"}
            else each_text(item, change)
            for key, item in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [each_text(item, change) for item in value]
    return change(value) if isinstance(value, str) else value
