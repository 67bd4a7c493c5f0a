"""The JSON schema (2020-12) of a space file, for editors.

It is built from the annotations, not by pydantic's generator: below ``trial`` every leaf is a
value or a distribution, ``trial`` itself may be a choice of groups, components in a choice may
carry a label, and components that hold components of their own kind are written once under
``$defs``.  The schema may let pass what :func:`load_space` refuses (an editor's help, not the
judge); it refuses no valid space.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, PydanticUndefined, to_jsonable_python

from animesearch.registry import Spec
from animesearch.searchspace.shapes import Slot, expand, field_slots, file_name, is_model

Schema: TypeAlias = dict[str, Any]
Mode: TypeAlias = Literal["fixed", "searched", "option"]

_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_INTEGERS: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_ENDS: Schema = {"low": {"type": ["number", "null"]}, "high": {"type": ["number", "null"]}}
_NAMED: Schema = {
    "type": "object",
    "properties": {"mean": {"type": "number"}, "sd": {"type": "number"}, **_ENDS},
    "required": ["mean", "sd"],
    "additionalProperties": False,
}
_LABEL: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "pattern": r"^[^.]*$",
    "description": "name of this option among the others, where the component's is taken",
}


def json_schema(model: type[BaseModel], root: str = "trial") -> Schema:
    """Schema of a file that :func:`load_space` reads with the same ``model`` and ``root``."""
    builder = _Builder()
    body = builder.body(model, "fixed", root)
    defs = {**_distribution_defs(), **builder.defs}
    head: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, "title": model.__name__, **body, "$defs": defs}


def _one(word: str, inside: Schema, beside: Schema | None = None, text: str = "") -> Schema:
    return {
        "type": "object",
        "description": text,
        "properties": {word: inside, **(beside or {})},
        "required": [word],
        "additionalProperties": False,
    }


def _distribution_defs() -> Schema:
    normal = {"anyOf": [_NUMBERS, _NAMED]}
    return {
        "uniform": _one("uniform", _NUMBERS, text="a number of [low, high]"),
        "loguniform": _one("loguniform", _NUMBERS, text="a number, uniform in its logarithm"),
        "int": _one("int", _INTEGERS, text="a whole number of [low, high], both included"),
        "logint": _one("logint", _INTEGERS, text="a whole number, uniform in its logarithm"),
        "normal": _one("normal", normal, _ENDS, "[mean, sd], cut to low and high"),
    }


class _Builder:
    """Collects ``$defs``: one per options class and mode."""

    def __init__(self) -> None:
        self.defs: Schema = {}
        self._keys: dict[tuple[type[BaseModel], Mode], str] = {}

    def body(self, model: type[BaseModel], mode: Mode, root: str | None = None) -> Schema:
        """The object schema of ``model``; ``root`` names the field that is searched."""
        fields = {file_name(name, info): info for name, info in model.model_fields.items()}
        body: Schema = {
            "type": "object",
            "properties": {
                key: self._property(model, key, info, mode, root) for key, info in fields.items()
            },
            "required": [key for key, info in fields.items() if info.is_required()],
            "additionalProperties": model.model_config.get("extra") != "forbid",
        }
        text = inspect.getdoc(model) if vars(model).get("__doc__") else None
        if mode == "option":
            body["properties"]["label"] = _LABEL
            body["required"] += [] if "name" in fields else ["label"]
        if _takes_other_shapes(model):
            body = {"anyOf": [body, {}]}
        return {**body, "description": text} if text else body

    def _property(
        self, model: type[BaseModel], key: str, info: FieldInfo, mode: Mode, root: str | None
    ) -> Schema:
        slots = field_slots(model, key)
        if key == root:
            schema = self._root(info, slots)
        elif mode == "fixed" or key == "name":
            schema = self._value(info.annotation, tuple(info.metadata), slots, "fixed")
        else:
            schema = self._searched(info.annotation, tuple(info.metadata), slots)
        return {**schema, **_annotations(info)}

    def _root(self, info: FieldInfo, slots: Sequence[Slot]) -> Schema:
        value = self._value(info.annotation, tuple(info.metadata), slots, "searched")
        groups = [self._part(slot, "option") for slot in slots if is_model(slot.annotation)]
        return _any_of([value, _choice(groups)]) if groups else value

    def _searched(
        self, annotation: Any, metadata: tuple[Any, ...], slots: Sequence[Slot]
    ) -> Schema:
        value = self._value(annotation, metadata, slots, "searched")
        ranges = [{"$ref": f"#/$defs/{word}"} for word in _range_words(slots)]
        options = [self._part(slot, "option") for slot in slots if not _is_collection(slot)]
        if not options:
            return value
        if all(map(_is_plain, slots)):
            options = [value]
        return _any_of([value, _choice(options), *ranges])

    def _value(
        self, annotation: Any, metadata: tuple[Any, ...], slots: Sequence[Slot], mode: Mode
    ) -> Schema:
        if any(slot.opaque for slot in slots):
            return {}
        if all(map(_is_plain, slots)):
            return self._leaf(annotation, metadata)
        return _any_of([self._part(slot, mode) for slot in slots])

    def _part(self, slot: Slot, mode: Mode) -> Schema:
        if slot.registry is not None:
            names = {"type": "string", "enum": slot.registry.names()}
            free = [{"type": "string"}] if slot.takes_free_text else []
            specs = [self._spec(spec, mode, slot.default) for spec in slot.registry]
            return {"anyOf": [names, *free, *specs]}
        if is_model(slot.annotation):
            return self._ref(slot.annotation, mode)
        if _is_collection(slot):
            return self._collection(slot, mode)
        return self._leaf(slot.annotation, slot.metadata)

    def _spec(self, spec: type[Spec], mode: Mode, default: str | None) -> Schema:
        named = {} if spec.component_name() == default else {"required": ["name"]}
        return {**self._ref(spec, mode), **named}

    def _ref(self, model: type[BaseModel], mode: Mode) -> Schema:
        known = (model, mode)
        if known not in self._keys:
            self._keys[known] = self._new_key(model, mode)
            self.defs[self._keys[known]] = self.body(model, mode)
        return {"$ref": f"#/$defs/{self._keys[known]}"}

    def _new_key(self, model: type[BaseModel], mode: Mode) -> str:
        base = model.__name__ if mode == "fixed" else f"{model.__name__}.{mode}"
        taken = {*self._keys.values(), *_distribution_defs()}
        others = (f"{base}.{number}" for number in range(2, len(taken) + 3))
        return next(key for key in (base, *others) if key not in taken)

    def _collection(self, slot: Slot, mode: Mode) -> Schema:
        origin, arguments = get_origin(slot.annotation), get_args(slot.annotation)
        if isinstance(origin, type) and issubclass(origin, dict) and len(arguments) == 2:
            return {"type": "object", "additionalProperties": self._item(arguments[1], mode)}
        if origin is tuple and Ellipsis not in arguments:
            items = [self._item(argument, mode) for argument in arguments]
            size = {"minItems": len(items), "maxItems": len(items)}
            return {"type": "array", "prefixItems": items, **size}
        plain = [argument for argument in arguments if argument is not Ellipsis]
        return {"type": "array", "items": self._item(plain[0], mode) if plain else {}}

    def _item(self, annotation: Any, mode: Mode) -> Schema:
        slots = tuple(expand(annotation))
        if mode == "fixed":
            return self._value(annotation, (), slots, "fixed")
        return self._searched(annotation, (), slots)

    def _leaf(self, annotation: Any, metadata: tuple[Any, ...]) -> Schema:
        try:
            full: Any = Annotated[(annotation, *metadata)] if metadata else annotation
            schema: Schema = TypeAdapter(full).json_schema()
        except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
            return {}
        self.defs.update(schema.pop("$defs", {}))
        return schema


def _annotations(info: FieldInfo) -> Schema:
    found: Schema = {"description": info.description} if info.description else {}
    if info.default is not PydanticUndefined and not info.is_required():
        try:
            found["default"] = to_jsonable_python(info.default)
        except PydanticSerializationError:
            return found
    return found


def _takes_other_shapes(model: type[BaseModel]) -> bool:
    decorators = model.__pydantic_decorators__.model_validators.values()
    return any(decorator.info.mode in {"before", "wrap"} for decorator in decorators)


def _is_collection(slot: Slot) -> bool:
    origin = get_origin(slot.annotation)
    collections = (list, tuple, set, frozenset, dict)
    bare = isinstance(slot.annotation, type) and issubclass(slot.annotation, collections)
    abstract = getattr(origin, "__module__", "") == "collections.abc"
    return bare or abstract or (isinstance(origin, type) and issubclass(origin, collections))


def _is_plain(slot: Slot) -> bool:
    return slot.registry is None and not is_model(slot.annotation) and not _is_collection(slot)


def _range_words(slots: Iterable[Slot]) -> list[str]:
    words: list[str] = []
    for slot in filter(_is_plain, slots):
        if slot.annotation in {str, bool, type(None)} and not slot.opaque:
            continue
        words += ["int", "logint"]
        whole = slot.annotation is int or get_origin(slot.annotation) is Literal
        words += [] if whole and not slot.opaque else ["uniform", "loguniform", "normal"]
    return list(dict.fromkeys(words))


def _choice(options: list[Schema]) -> Schema:
    return _one("choice", {"type": "array", "minItems": 1, "items": _any_of(options)})


def _any_of(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
