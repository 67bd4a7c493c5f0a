"""pydantic's errors, told to a person: the rule, the value, what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from animesearch.errors import did_you_mean
from animesearch.searchspace import shapes
from animesearch.searchspace.wording import Path, clean, listed, show

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "none_required": "null",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping of options",
    "model_attributes_type": "a mapping of options",
    "dataclass_type": "a mapping of options",
    "path_type": "a path",
}
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_LENGTHS = {
    "too_short": ("at least", "min_length", "items"),
    "too_long": ("at most", "max_length", "items"),
    "string_too_short": ("at least", "min_length", "characters"),
    "string_too_long": ("at most", "max_length", "characters"),
}
_OWN_WORDS = {"component_name", "component_shape", "does_not_fit", "value_error", "assertion_error"}
_WORDS_LIMIT = 200


@dataclass(frozen=True)
class Finding:
    """One mistake at ``loc`` of the resolved document; ``at_key``: whatever value stands there."""

    loc: Path
    message: str
    hint: str = ""
    at_key: bool = False


def explain(model: type[BaseModel], data: Any, error: ValidationError) -> Iterator[Finding]:
    """One finding per wrong place, the errors of a union's members joined."""
    grouped: dict[Path, list[dict[str, Any]]] = {}
    above: set[Path] = set()
    for item in error.errors(include_url=False):
        if item["type"] == "default_factory_not_called":
            continue  # for the mistakes that stand beside it
        detail: dict[str, Any] = dict(item)
        loc = data_loc(data, detail["loc"], detail["type"])
        grouped.setdefault(loc, []).append(detail)
        above.update(loc[:length] for length in range(len(loc)))
    return (
        _finding(model, data, loc, items)
        for loc, items in grouped.items()
        if loc not in above or not _by_members(loc, items)
    )


def _by_members(loc: Path, items: Iterable[dict[str, Any]]) -> bool:
    """Whether only members of a union refuse what stands at ``loc``: another member, which takes
    its kind, says what is wrong inside."""
    return all(item["loc"][-1:] != loc[-1:] for item in items)


def data_loc(data: Any, loc: Path, kind: str) -> Path:
    """``loc`` without the tags of union members, which are no keys of the document."""
    kept: list[str | int] = []
    for position, key in enumerate(loc):
        last = position == len(loc) - 1
        known = shapes.has(data, key)
        if known or (last and kind == "missing"):
            kept.append(key)
            data = shapes.descend(data, key) if known else data
    return tuple(kept)


def _finding(model: type[BaseModel], data: Any, loc: Path, items: list[dict[str, Any]]) -> Finding:
    kinds = {item["type"] for item in items}
    slots = shapes.slots_at(model, data, loc)
    if "extra_forbidden" in kinds:
        return Finding(loc, _unknown_key(model, data, loc), at_key=True)
    if "missing" in kinds:
        return Finding(loc, _missing(slots, loc))
    own = [_own_words(item) for item in items if item["type"] in _OWN_WORDS]
    value = _value(data, loc)
    if own:
        named = "component_name" in kinds and isinstance(value, dict)
        return Finding((*loc, "name") if named else loc, own[0])
    rules = list(dict.fromkeys(_rule(item, slots) for item in items))
    return Finding(loc, f"{clean(_joined(rules), 240)}, got {show(value)}", _hint(slots, value))


def _joined(rules: list[str]) -> str:
    """``must be at least 10 or one of 'auto'``: one sentence for the members of a union."""
    first, *others = rules
    return " or ".join(
        [first, *(r.removeprefix("must be ").removeprefix("expected ") for r in others)]
    )


def _value(data: Any, loc: Path) -> Any:
    for key in loc:
        data = shapes.descend(data, key)
    return data


def _unknown_key(model: type[BaseModel], data: Any, loc: Path) -> str:
    parent, key = loc[:-1], str(loc[-1])
    slots = shapes.slots_at(model, data, parent)
    allowed = shapes.keys(slots, _value(data, parent))
    return f"unknown key {show(key)}{suggestion(key, allowed)}{_allowed(allowed)}"


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """``", did you mean 'x'?"``, or a full stop."""
    found = did_you_mean(word[:64], allowed)
    return f", {found}" if found else "."


def _allowed(allowed: list[str]) -> str:
    return f" Allowed: {clean(listed(allowed), _WORDS_LIMIT)}" if allowed else ""


def _missing(slots: Iterable[shapes.Slot], loc: Path) -> str:
    registries = [slot.registry for slot in slots if slot.registry is not None]
    names = registries[0].names() if registries else []
    words = names or [show(word) for word in shapes.words(slots)]
    return f"{show(str(loc[-1]))} is missing and has no default.{_allowed(words)}"


def _own_words(item: dict[str, Any]) -> str:
    text = str(item["msg"])
    for prefix in ("Value error, ", "Assertion failed, "):
        text = text.removeprefix(prefix)
    return text or "refused by its rule"


def _rule(item: dict[str, Any], slots: Iterable[shapes.Slot]) -> str:
    kind, context = str(item["type"]), item.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}"
    for table, phrase in _PHRASES:
        if kind in table:
            return phrase(table[kind], context)
    words = shapes.words(slots)
    if kind in {"literal_error", "enum"} and words:
        return f"must be one of {clean(listed(map(show, words)), _WORDS_LIMIT)}"
    return _plain_words(str(item["msg"]))


def _bound_rule(entry: tuple[str, ...], context: dict[str, Any]) -> str:
    return f"must be {entry[0]} {show(context.get(entry[1]))}"


def _length_rule(entry: tuple[str, ...], context: dict[str, Any]) -> str:
    return f"must have {entry[0]} {show(context.get(entry[1]))} {entry[2]}"


_PHRASES: tuple[
    tuple[dict[str, tuple[str, ...]], Callable[[tuple[str, ...], dict[str, Any]], str]], ...
] = (
    (dict(_BOUNDS), _bound_rule),
    (dict(_LENGTHS), _length_rule),
)


def _plain_words(message: str) -> str:
    text = message.removeprefix("Input should ").removeprefix("Value should ")
    return f"should {text}" if text != message else message


def _hint(slots: Iterable[shapes.Slot], value: Any) -> str:
    words = [str(word) for word in shapes.words(slots)]
    if value is None and "none" in words:
        return "did you mean 'none'?"
    return did_you_mean(value[:64], words) if isinstance(value, str) else ""
