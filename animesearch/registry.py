"""Options classes, and registries of the components that they build.

An extension point is a :class:`Registry`.  A component is one file with one :class:`Spec`
subclass: its fields are the options, ``name`` is the word used in a space file, and ``build``
makes the component.  Validation, ``animesearch list`` and the JSON schema follow from it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from animesearch.errors import UnknownNameError, did_you_mean


class Options(BaseModel):
    """Base of every options class: unknown keys refused, immutable, finite numbers only."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )


class Spec(Options):
    """Options of one component; subclasses narrow ``name`` to a ``Literal`` with a default."""

    name: str

    @classmethod
    def component_name(cls) -> str:
        """The registered word, read from the ``Literal`` of the field ``name``."""
        annotation = cls.model_fields["name"].annotation
        words = get_args(annotation) if get_origin(annotation) is Literal else ()
        if len(words) != 1:
            raise TypeError(f"{cls.__name__}.name must be annotated as a Literal of one word")
        return str(words[0])

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(cls) or "").split("\n", 1)[0]


S = TypeVar("S", bound=Spec)
T = TypeVar("T", bound=Spec)


class Registry(Generic[S]):
    """The components of one kind, by name.

    >>> LOSSES: Registry[LossSpec] = Registry("loss", LossSpec)
    >>> @LOSSES.register
    ... class Hinge(LossSpec): ...

    A pydantic field of registered components is ``Annotated[LossSpec, LOSSES.field()]``; it
    accepts ``{"name": ..., **options}`` or the bare name, and sees components that were
    registered after the model was defined (plug-ins).
    """

    def __init__(self, kind: str, base: type[S]) -> None:
        self.kind = kind
        self.base = base
        self._specs: dict[str, type[S]] = {}

    def register(self, cls: type[T]) -> type[T]:
        """Class decorator; refuses duplicate names and missing docstrings."""
        base: type[Spec] = self.base
        if not issubclass(cls, base):
            raise TypeError(f"{cls.__name__} is not a {self.base.__name__}")
        name = cls.component_name()
        if name in self._specs:
            first = self._specs[name].__module__
            raise ValueError(
                f"{self.kind} '{name}' is registered twice: in {first} and in {cls.__module__}"
            )
        if not (cls.__doc__ or "").strip():
            raise TypeError(f"{self.kind} '{name}' ({cls.__name__}) has no docstring")
        self._specs[name] = cast(type[S], cls)
        return cls

    def __iter__(self) -> Iterator[type[S]]:
        return iter(self._specs[name] for name in self.names())

    def names(self) -> list[str]:
        """Registered names in alphabetical order."""
        return sorted(self._specs)

    def get(self, name: str) -> type[S]:
        """The options class of ``name``; :class:`UnknownNameError` with the allowed names."""
        if name not in self._specs:
            raise UnknownNameError(self._unknown(name))
        return self._specs[name]

    def parse(self, value: object, default: str | None = None) -> S:
        """A validated spec from a name, a mapping with ``name``, or a spec.

        With a ``default`` a mapping without ``name`` means that component.
        """
        if isinstance(value, self.base):
            return value
        options = {"name": value} if isinstance(value, str) else value
        if default is not None and isinstance(options, dict):
            options = {"name": default, **options}
        if not isinstance(options, dict) or not isinstance(options.get("name"), str):
            raise PydanticCustomError(
                "component_shape",
                "expected the name of {kind}, or a mapping with 'name'; allowed: {allowed}",
                {"kind": _with_article(self.kind), "allowed": ", ".join(self.names())},
            )
        if options["name"] not in self._specs:
            raise PydanticCustomError(
                "component_name", "{text}", {"text": self._unknown(options["name"])}
            )
        return self._specs[options["name"]].model_validate(options)

    def field(self, default: str | None = None) -> RegistryField:
        """Annotation for a pydantic field that holds one of these components.

        ``default`` is the component that a mapping without ``name`` means.
        """
        return RegistryField(self, default)

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self.names())
        allowed = ", ".join(self.names())
        return f"unknown {self.kind} '{name}'{f', {hint}' if hint else '.'} Allowed: {allowed}"


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


class RegistryField:
    """Validates through the registry at the time of the call, not of the class statement."""

    def __init__(self, registry: Registry[Any], default: str | None = None) -> None:
        self.registry, self.default = registry, default

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: self.registry.parse(value, self.default),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda spec: spec.model_dump(mode="json")
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        specs = [handler(spec.__pydantic_core_schema__) for spec in self.registry]
        names = {"type": "string", "enum": self.registry.names()}
        return {"anyOf": [names, *specs]}
