"""``--set a.b=c``: values from the command line laid over a document.

The value is YAML (a scalar, or a list or mapping in brackets); the path leads through mappings
and list indexes.  Missing keys are made on the way: whether they may exist is for validation to
say, which knows the allowed ones.

Where the root is a choice of groups, ``trial.batch=8`` holds for every trial as it does elsewhere:
it is set in each group.  ``trial.choice.0.batch=8`` sets it in the first group alone.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from animesearch.errors import Problem, SpaceError
from animesearch.searchspace.document import MAX_DEPTH, Document, parse_value
from animesearch.searchspace.shapes import has
from animesearch.searchspace.wording import Path, clean, dotted, show


def apply_overrides(
    document: Document, overrides: Sequence[str], root: str = "trial"
) -> tuple[Document, list[Problem], set[Path]]:
    """The changed document (the given one stays as it is), the mistakes, and their paths."""
    data, lines = copy.deepcopy(document.data), dict(document.lines)
    problems: list[Problem] = []
    broken: set[Path] = set()
    for override in overrides:
        path = _path(override)
        try:
            value = _value(override, path)
            set_at = [_set(data, target, value) for target in _targets(data, path, root)]
        except SpaceError as error:
            problems += error.problems
            broken.add(path)
        else:
            for place in set_at:
                _forget(lines, place)
    return Document(document.file, document.text, data, lines), problems, broken


def _refusal(path: Path, message: str, hint: str = "") -> SpaceError:
    return SpaceError("--set", (Problem(dotted(path), clean(message), None, clean(hint)),))


def _path(override: str) -> Path:
    key = override.partition("=")[0].strip()
    return tuple(key.split("."))


def _value(override: str, path: Path) -> Any:
    text = override.partition("=")[2]
    if any("\ud800" <= char <= "\udfff" for char in override):  # bytes of the command line
        raise _refusal(path, "not UTF-8 text")
    if "=" not in override or not all(path) or len(path) > MAX_DEPTH:
        raise _refusal(path, f"expected PATH=VALUE, got {show(override)}", "trial.batch=32")
    return parse_value(text, path)


def _targets(data: dict[str, Any], path: Path, root: str) -> list[Path]:
    """The places that ``path`` means: one, or the same option in every group of the root."""
    groups = _groups(data.get(root))
    if path[0] != root or len(path) == 1 or path[1] == "choice" or not groups:
        return [path]
    labels = [group.get("label") for group in groups]
    if path[1] in labels:
        place = dotted((root, "choice", labels.index(path[1]), *path[2:]))
        raise _refusal(path, f"{show(path[1])} is the label of a group", f"address it as {place}")
    return [(root, "choice", str(index), *path[1:]) for index in range(len(groups))]


def _groups(trial: Any) -> list[dict[str, Any]]:
    options = trial.get("choice") if isinstance(trial, dict) else None
    groups = options if isinstance(options, list) else []
    return groups if all(isinstance(group, dict) for group in groups) else []


def _set(data: dict[str, Any], path: Path, value: Any) -> Path:
    """Change ``data`` in place; the path from which on nothing stands in the file."""
    place: Any = data
    real: list[str | int] = []
    made: Path | None = None
    for index, part in enumerate(path):
        key = _key(place, str(part), path[:index])
        real.append(key)
        if made is None and not has(place, key):
            made = tuple(real)
        if index == len(path) - 1:
            place[key] = copy.deepcopy(value)
        else:
            place = _enter(place, key)
    return made or tuple(real)


def _key(place: Any, part: str, so_far: Path) -> str | int:
    if isinstance(place, dict):
        return part
    if not isinstance(place, list):
        message = f"cannot set '{clean(part, 40)}' inside {show(place)}: it has no options"
        raise _refusal((*so_far, part), message, f"set {dotted(so_far)} as a whole")
    if not (part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(place)):
        allowed = f"0 to {len(place) - 1}" if place else "none, the list is empty"
        raise _refusal((*so_far, part), f"{show(part)} is no index; allowed: {allowed}")
    return int(part)


def _enter(place: Any, key: str | int) -> Any:
    if isinstance(place, dict) and place.get(str(key)) is None:
        place[str(key)] = {}
    return place[key]


def _forget(lines: dict[Path, int | None], path: Path) -> None:
    """From here down the values come from the command line, not from a line of the file."""
    for known in [known for known in lines if known[: len(path)] == path]:
        del lines[known]
    lines[path] = None
