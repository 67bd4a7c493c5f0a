"""Which columns of a Parquet file hold images, labels and tags: as Hugging Face writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.types as pat

from animesearch.datasets.metadata import clean_text
from animesearch.errors import DataError, did_you_mean

AUTO: Final = "auto"
NONE: Final = "none"
IMAGE_NAMES: Final = ("image", "img", "images", "picture")
LABEL_NAMES: Final = ("label", "labels", "class")
TAG_NAMES: Final = ("tags", "tag_string")


class ColumnsError(DataError):
    """The columns that are asked for, or any image column, are not in the file."""


class Wanted(NamedTuple):
    """Names of columns, or ``auto``; for labels and tags also ``none``."""

    image: str = AUTO
    label: str = AUTO
    tags: str = AUTO


@dataclass(frozen=True)
class Columns:
    """What to read: dotted paths of the leaves, ``None`` for those that are not there.

    ``classes`` are the names that whole numbers of the label column mean, if there are any.
    """

    image: str
    path: str | None = None
    label: str | None = None
    tags: str | None = None
    classes: tuple[str, ...] = ()

    @property
    def beside(self) -> list[str]:
        """The columns beside the images."""
        return [name for name in (self.path, self.label, self.tags) if name is not None]


def find_columns(schema: pa.Schema, wanted: Wanted) -> Columns:
    """The columns of one file.  :class:`ColumnsError` if they are not there or of other types."""
    features = _features(schema)
    image = _chosen(schema, wanted.image, _is_image, "an image column (bytes)", _image)
    assert image is not None
    in_struct = pat.is_struct(schema.field(image).type)
    with_path = in_struct and schema.field(image).type.get_field_index("path") >= 0
    label = _chosen(schema, wanted.label, _is_label, "labels (whole numbers or text)", _label)
    return Columns(
        image=f"{image}.bytes" if in_struct else image,
        path=f"{image}.path" if with_path else None,
        label=label,
        tags=_chosen(
            schema,
            wanted.tags,
            _is_tags,
            "tags (text, or lists of it)",
            lambda _, names: _usual(names, TAG_NAMES),
        ),
        classes=_class_names(features.get(label or "")),
    )


def _chosen(
    schema: pa.Schema,
    wanted: str,
    fits: Callable[[pa.DataType], bool],
    what: str,
    find: Callable[[pa.Schema, Sequence[str]], str | None],
) -> str | None:
    if wanted == NONE:
        return None
    if wanted == AUTO:
        return find(schema, [field.name for field in schema if fits(field.type)])
    if schema.get_field_index(wanted) < 0:
        hint = did_you_mean(wanted, schema.names)
        raise ColumnsError(f"no column '{wanted}'{f', {hint}' if hint else ''} {_there(schema)}")
    kind = schema.field(wanted).type
    if not fits(kind):
        raise ColumnsError(f"column '{wanted}' holds {str(kind)[:60]}, not {what}")
    return wanted


def _there(schema: pa.Schema) -> str:
    return f"(there are {', '.join(clean_text(name)[:40] for name in schema.names[:20])})"


def _image(schema: pa.Schema, names: Sequence[str]) -> str:
    marked = [n for n in names if _kind(_features(schema).get(n)) == "Image"]
    for candidates in (marked, names):
        found = _only(candidates, IMAGE_NAMES)
        if found is not None:
            return found
    if names:
        raise ColumnsError(f"several columns hold bytes: {', '.join(names[:20])}; choose one")
    raise ColumnsError(f"no column of bytes, or of structs with 'bytes' {_there(schema)}")


def _label(schema: pa.Schema, names: Sequence[str]) -> str | None:
    marked = [n for n in names if _kind(_features(schema).get(n)) == "ClassLabel"]
    return _only(marked, LABEL_NAMES) or _usual(names, LABEL_NAMES)


def _only(names: Sequence[str], usual: Iterable[str]) -> str | None:
    return names[0] if len(names) == 1 else _usual(names, usual)


def _usual(names: Sequence[str], usual: Iterable[str]) -> str | None:
    return next((name for name in usual if name in names), None)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pat.is_dictionary(kind) else kind


def _is_bytes(kind: pa.DataType) -> bool:
    return pat.is_binary(kind) or pat.is_large_binary(kind)


def _is_image(kind: pa.DataType) -> bool:
    if pat.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _is_bytes(_plain(kind.field(place).type))
    return _is_bytes(_plain(kind))


def _is_text(kind: pa.DataType) -> bool:
    return pat.is_string(kind) or pat.is_large_string(kind)


def _is_label(kind: pa.DataType) -> bool:
    return _is_text(_plain(kind)) or pat.is_integer(kind) or pat.is_boolean(kind)


def _is_tags(kind: pa.DataType) -> bool:
    in_list = pat.is_list(kind) or pat.is_large_list(kind)
    return _is_text(_plain(kind.value_type if in_list else kind))


def _features(schema: pa.Schema) -> dict[str, object]:
    """What Hugging Face's ``datasets`` notes of the columns in the schema's metadata."""
    try:
        noted = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = noted["info"]["features"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _kind(feature: object) -> object:
    return feature.get("_type") if isinstance(feature, dict) else None


def _class_names(feature: object) -> tuple[str, ...]:
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(clean_text(name) for name in names)


def label_text(value: object, classes: Sequence[str]) -> str | None:
    """The label of one row: text, the name of a numbered class, or the number."""
    if value is None or (isinstance(value, int) and value == -1 and classes):
        return None  # -1 stands for "no label" in Hugging Face's ClassLabel
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(classes):
        return classes[value]
    return clean_text(str(value))
