"""What a model allows at a place of a document, read from its annotations.

pydantic says that a value is wrong; to say what is right (allowed keys, words, kinds) one must
know the annotation at that place.  A :class:`Slot` is one alternative of it.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, PlainValidator, WrapValidator
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from animesearch.registry import Registry, RegistryField
from animesearch.searchspace.wording import Path

_LISTS = (list, tuple, set, frozenset, Sequence, Iterable, AbstractSet)
_MAPPINGS = (dict, Mapping)
_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "null",
}


@dataclass(frozen=True)
class Slot:
    """One alternative of an annotation.

    ``opaque``: a validator of the model's own stands before the type, so that values of other
    kinds may be welcome, too.
    """

    annotation: Any
    metadata: tuple[Any, ...] = ()
    opaque: bool = False

    @property
    def registry(self) -> Registry[Any] | None:
        """The registry of the components that may stand here."""
        return next((field.registry for field in self._fields), None)

    @property
    def default(self) -> str | None:
        """The component that a mapping without ``name`` means here."""
        return next((field.default for field in self._fields), None)

    @property
    def takes_free_text(self) -> bool:
        """Whether the field reads bare words of its own beside the registered names."""
        return any(type(field) is not RegistryField for field in self._fields)

    @property
    def _fields(self) -> list[RegistryField]:
        return [item for item in self.metadata if isinstance(item, RegistryField)]


def expand(annotation: Any, metadata: tuple[Any, ...] = (), opaque: bool = False) -> Iterator[Slot]:
    """The alternatives of ``annotation``, unions and aliases taken apart."""
    opaque = opaque or any(map(_is_opaque, metadata))
    origin = get_origin(annotation)
    if isinstance(annotation, TypeAliasType):
        yield from expand(annotation.__value__, metadata, opaque)
    elif origin is Annotated:
        inner, *more = get_args(annotation)
        yield from expand(inner, (*metadata, *more), opaque)
    elif origin in {Union, types.UnionType} and Slot(annotation, metadata).registry is None:
        for member in get_args(annotation):
            yield from expand(member, metadata, opaque)
    else:
        yield Slot(annotation, metadata, opaque)


def _is_opaque(item: Any) -> bool:
    return isinstance(item, BeforeValidator | PlainValidator | WrapValidator)


def is_model(annotation: Any) -> bool:
    """Whether ``annotation`` is a pydantic model class."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def field_slots(model: type[BaseModel], key: str) -> tuple[Slot, ...]:
    """Alternatives of the field that a file calls ``key``; empty where there is none."""
    for name, info in model.model_fields.items():
        if key == file_name(name, info):
            opaque = _before_validators(model, name)
            return tuple(expand(info.annotation, tuple(info.metadata), opaque))
    return ()


def file_name(name: str, info: FieldInfo) -> str:
    """The key of a field in a file: its alias where it has one."""
    alias = info.validation_alias or info.alias
    return alias if isinstance(alias, str) else name


def _before_validators(model: type[BaseModel], field: str) -> bool:
    decorators = model.__pydantic_decorators__
    early = ("before", "plain", "wrap")
    of_model = any(d.info.mode in early for d in decorators.model_validators.values())
    of_field = (d.info for d in decorators.field_validators.values())
    return of_model or any(i.mode in early and {field, "*"} & set(i.fields) for i in of_field)


def models(slots: Iterable[Slot], value: Any) -> list[type[BaseModel]]:
    """Options classes that ``value`` may be meant for, by its ``name`` where that decides."""
    found: list[type[BaseModel]] = []
    for slot in slots:
        if slot.registry is not None:
            name = value.get("name", slot.default) if isinstance(value, dict) else value
            if isinstance(name, str) and name in slot.registry.names():
                found.append(slot.registry.get(name))
        elif is_model(slot.annotation):
            found.append(slot.annotation)
    return _by_name(found, value) or found


def _by_name(found: list[type[BaseModel]], value: Any) -> list[type[BaseModel]]:
    if len(found) < 2 or not isinstance(value, dict):
        return found
    name = value.get("name")
    return [m for m in found if any(name in words(s) for s in (field_slots(m, "name"),))]


def children(slots: Iterable[Slot], value: Any, key: str | int) -> tuple[Slot, ...]:
    """Alternatives of ``value[key]``."""
    slots = tuple(slots)
    inner = [slot for model in models(slots, value) for slot in field_slots(model, str(key))]
    for slot in slots:
        origin, arguments = get_origin(slot.annotation), get_args(slot.annotation)
        if origin in _MAPPINGS and len(arguments) == 2 and isinstance(value, dict):
            inner += expand(arguments[1], (), slot.opaque)
        elif origin in _LISTS and isinstance(key, int):
            inner += expand(_item(arguments, key), (), slot.opaque)
    return tuple(inner)


def _item(arguments: tuple[Any, ...], index: int) -> Any:
    plain = [argument for argument in arguments if argument is not Ellipsis]
    return plain[min(index, len(plain) - 1)] if plain else Any


def slots_at(model: type[BaseModel], data: Any, loc: Path) -> tuple[Slot, ...]:
    """Alternatives at ``loc`` of the plain document ``data``; empty where nothing is known."""
    slots: tuple[Slot, ...] = (Slot(model),)
    for key in loc:
        slots = children(slots, data, key)
        data = descend(data, key)
    return slots


def descend(data: Any, key: str | int) -> Any:
    """``data[key]``, or ``None`` where there is no such entry."""
    return data[key] if has(data, key) else None


def has(data: Any, key: str | int) -> bool:
    """Whether ``data`` is a mapping or list with an entry ``key``."""
    if isinstance(data, dict):
        return key in data
    return isinstance(data, list) and isinstance(key, int) and 0 <= key < len(data)


def keys(slots: Iterable[Slot], value: Any) -> list[str]:
    """Keys that a mapping may have here."""
    found = (
        file_name(name, info)
        for model in models(slots, value)
        for name, info in model.model_fields.items()
    )
    return list(dict.fromkeys(found))


def words(slots: Iterable[Slot]) -> list[Any]:
    """Values of the ``Literal`` annotations here."""
    literals = (slot.annotation for slot in slots if get_origin(slot.annotation) is Literal)
    return [word for literal in literals for word in get_args(literal)]


def coerced(slots: Sequence[Slot], value: Any) -> str | None:
    """What was expected, where pydantic would silently turn ``value`` into another kind.

    ``true`` would become 1 and ``'12'`` the number 12; both are more often mistakes than meant.
    ``None`` where the value is right, or where its annotation does not say.
    """
    if any(slot.opaque or slot.registry for slot in slots):
        return None
    kinds = [kind for slot in slots for kind in _kinds(slot)]
    if not kinds or any(kind not in _KINDS for kind in kinds):
        return None
    if isinstance(value, bool | str):
        wrong = type(value) not in kinds and bool({int, float, bool} & set(kinds))
    else:
        wrong = isinstance(value, int | float) and not {int, float} & set(kinds) and bool in kinds
    return " or ".join(dict.fromkeys(_KINDS[kind] for kind in kinds)) if wrong else None


def _kinds(slot: Slot) -> list[Any]:
    if get_origin(slot.annotation) is Literal:
        return [type(word) for word in get_args(slot.annotation)]
    return [slot.annotation]
