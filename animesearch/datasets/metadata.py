"""Records that name images and carry their tags, in the shapes that people have them.

A record is a JSON object.  Its image is named by ``file``, ``file_name``, ``filename``, ``path``
or ``image``, or by Danbooru's ``id`` or ``md5``, which its file is called after.  Its tags are a
list of words or of ``{"name": word}``, a mapping of such lists (by category), or one text: words
between spaces, or phrases between commas.  Pure but for the reading of the file that is handed in.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import IO, Final

from animesearch.datasets.reasons import Dropped
from animesearch.datasets.refusals import (
    IMAGE_WITHOUT_METADATA,
    METADATA_MALFORMED,
    METADATA_WITHOUT_IMAGE,
)
from animesearch.datasets.sources.base import Item

MAX_LINE_BYTES: Final = 1024 * 1024
MAX_LIST_BYTES: Final = 64 * 1024 * 1024
"""A file that is one JSON value is held in memory; a longer one needs one record per line."""
MAX_TAGS: Final = 2000
MAX_TAG_CHARS: Final = 200

FILE_KEYS: Final = ("file", "file_name", "filename", "path", "image")
STEM_KEYS: Final = ("id", "md5")

Json = dict[str, object]


class MalformedError(ValueError):
    """A record or a line that cannot be understood."""


class Records:
    """The tags of the images that are named, and what could not be understood or found."""

    def __init__(self, images: Iterable[str]) -> None:
        self.tags: dict[str, tuple[str, ...]] = {}
        self._names = _Names(images)
        self._words: dict[str, str] = {}
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def add_file(self, name: str, file: IO[bytes]) -> int:
        """Takes every record of a metadata file; returns how many images they name."""
        matched = 0
        for where, record in _records(file):
            try:
                if isinstance(record, MalformedError):
                    raise record
                matched += self._add(name, record, where)
            except MalformedError as fault:
                self._count(name, METADATA_MALFORMED, f"{where}: {fault}")
        return matched

    def add_sidecar(self, image: str, data: bytes | None) -> None:
        """Takes the record that stands in a file beside its image."""
        try:
            value = _parsed(data) if data and len(data) <= MAX_LINE_BYTES else None
            if not isinstance(value, dict):
                raise MalformedError(f"no JSON record of at most {MAX_LINE_BYTES:,} bytes")
            self._merge(image, record_tags(value))
        except MalformedError as fault:
            self._count("*.json", METADATA_MALFORMED, f"beside {image}: {fault}")

    def _add(self, name: str, record: Json, where: str) -> int:
        tags = record_tags(record)
        image = self._names.find(record, posixpath.dirname(name))
        if image is None:
            shown = next((record[k] for k in (*FILE_KEYS, *STEM_KEYS) if k in record), "no file")
            self._count(name, METADATA_WITHOUT_IMAGE, f"{where}: {str(shown)[:80]}")
            return 0
        self._merge(image, tags)
        return 1

    def _merge(self, image: str, tags: Iterable[str]) -> None:
        """Tags of several records of one image stand together; equal words share their memory."""
        shared = (self._words.setdefault(tag, tag) for tag in tags)
        self.tags[image] = tuple(dict.fromkeys((*self.tags.get(image, ()), *shared)))

    def _count(self, name: str, reason: str, example: str) -> None:
        self._tallies.setdefault((name, reason), _Tally()).add(example)

    def onto(self, items: Iterable[Item]) -> list[Item]:
        """The items with the tags that records give them."""
        return [
            replace(item, tags=self.tags[item.name]) if item.name in self.tags else item
            for item in items
        ]

    def faults(self) -> list[Dropped]:
        """What could not be understood or found: a line for each file and kind."""
        return [Dropped(file, reason, str(t)) for (file, reason), t in self._tallies.items()]


def without_record(name: str, images: Iterable[str]) -> list[Dropped]:
    """A line, under the name of the metadata, that counts images without a record."""
    tally = _Tally()
    for image in images:
        tally.add(image)
    return [Dropped(name, IMAGE_WITHOUT_METADATA, str(tally))] if tally.count else []


class _Tally:
    """How many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self._first = ""

    def add(self, example: str) -> None:
        self._first = self._first or " ".join(clean_text(example).split())[:200]
        self.count += 1

    def __str__(self) -> str:
        return f"{self.count:,}; first: {self._first}"


class _Names:
    """Finds the image that a record means."""

    def __init__(self, images: Iterable[str]) -> None:
        self._exact = set(images)
        self._bases = _unique(self._exact, posixpath.basename)
        self._stems = _unique(self._exact, lambda n: posixpath.splitext(posixpath.basename(n))[0])

    def find(self, record: Json, folder: str) -> str | None:
        """By the path from the metadata's folder or from the top, by the name, or by the stem."""
        named = next((record[k] for k in FILE_KEYS if isinstance(record.get(k), str)), None)
        if named is not None:
            text = clean_text(str(named)).replace("\\", "/")
            return self._by_path(text, folder)
        stems = (str(record[key]) for key in STEM_KEYS if isinstance(record.get(key), str | int))
        return next((self._stems[stem] for stem in stems if self._stems.get(stem)), None)

    def _by_path(self, text: str, folder: str) -> str | None:
        for path in (posixpath.normpath(posixpath.join(folder, text)), posixpath.normpath(text)):
            if path in self._exact:
                return path
        base = posixpath.basename(text)
        return self._bases.get(base) or self._stems.get(base)


def _unique(names: Iterable[str], key: Callable[[str], str]) -> dict[str, str | None]:
    """The name for each key; ``None`` where several names have it."""
    found: dict[str, str | None] = {}
    for name in names:
        word = key(name)
        found[word] = None if word in found else name
    return found


def clean_text(text: str) -> str:
    """Valid Unicode: JSON may hold halves of surrogate pairs, which no file can."""
    return text.encode("utf-8", "backslashreplace").decode()


def record_tags(record: Mapping[str, object]) -> tuple[str, ...]:
    """The tags of a record, in its order.  :class:`MalformedError` if it has no list of them."""
    if "tags" in record:
        return as_tags(record["tags"])
    if "tag_string" in record:
        return as_tags(record["tag_string"])
    parts = [value for key, value in record.items() if key.startswith("tag_string_")]
    if not parts:
        raise MalformedError("a record has 'tags' or 'tag_string'")
    return tuple(tag for part in parts for tag in as_tags(part))


def as_tags(value: object) -> tuple[str, ...]:
    """Words, objects with ``name``, or one text as tags; no ``value`` means no tags.

    Raises :class:`MalformedError` for anything else, for more than 2,000 tags, and for a tag of
    more than 200 characters.
    """
    tags = tuple(
        dict.fromkeys(tag for tag in map(str.strip, map(clean_text, _words(value))) if tag)
    )
    if len(tags) > MAX_TAGS:
        raise MalformedError(f"{len(tags):,} tags; at most {MAX_TAGS:,} are read")
    longest = max(tags, key=len, default="")
    if len(longest) > MAX_TAG_CHARS:
        raise MalformedError(f"a tag of {len(longest):,} characters: '{longest[:20]}'…")
    return tags


def _words(value: object) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, str):
        yield from value.split("," if "," in value else None)
    elif isinstance(value, list):
        yield from map(_word, value)
    elif isinstance(value, dict):
        for part in value.values():
            if isinstance(part, dict):
                raise MalformedError("tags are words, by category at most")
            yield from _words(part)
    else:
        raise MalformedError(f"tags are words, got {type(value).__name__}")


def _word(tag: object) -> str:
    word = tag.get("name") if isinstance(tag, dict) else tag
    if not isinstance(word, str):
        raise MalformedError("a tag is a word, or an object with 'name'")
    return word


def _records(file: IO[bytes]) -> Iterator[tuple[str, Json | MalformedError]]:
    """Every record with the words that say where it stands."""
    first = file.readline(MAX_LINE_BYTES)
    file.seek(0)
    if _is_record(first):
        yield from _by_line(file)
        return
    whole = file.read(MAX_LIST_BYTES + 1)
    try:
        value = _parsed(whole) if len(whole) <= MAX_LIST_BYTES else None
    except MalformedError:
        value = None
    if isinstance(value, list | dict):
        yield from _by_place(value)
        return
    file.seek(0)
    yield from _by_line(file)


def _is_record(line: bytes) -> bool:
    try:
        value = _parsed(line)
    except MalformedError:
        return False
    return isinstance(value, dict) and has_tags(value)


def has_tags(record: Iterable[str]) -> bool:
    """Whether these are keys of a record, not names of images."""
    return any(key == "tags" or key.startswith("tag_string") for key in record)


def _by_line(file: IO[bytes]) -> Iterator[tuple[str, Json | MalformedError]]:
    """One record per line; the commas and brackets of a list written so are passed over."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        where = f"line {number}"
        if len(line) > MAX_LINE_BYTES:
            yield where, MalformedError(f"longer than {MAX_LINE_BYTES:,} bytes")
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            continue
        text = line.strip().removesuffix(b",")
        if text not in (b"", b"[", b"]"):
            yield where, _as_record(text)


def _as_record(text: bytes) -> Json | MalformedError:
    try:
        value = _parsed(text)
    except MalformedError as fault:
        return fault
    return value if isinstance(value, dict) else MalformedError("no JSON object")


def _by_place(value: list[object] | Json) -> Iterator[tuple[str, Json | MalformedError]]:
    """The records of a list, of an object by file names, or the one that the object is."""
    if isinstance(value, dict) and has_tags(value):
        yield "record 1", value
        return
    named = map(_named, value.items()) if isinstance(value, dict) else value
    for number, record in enumerate(named, start=1):
        found = record if isinstance(record, dict) else MalformedError("no JSON object")
        yield f"record {number}", found


def _named(entry: tuple[str, object]) -> Json:
    file, value = entry
    return {"file": file, **(value if isinstance(value, dict) else {"tags": value})}


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise MalformedError(f"no JSON: {fault}"[:120]) from None
