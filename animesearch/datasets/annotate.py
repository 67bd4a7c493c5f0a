"""Labels from folders and tags from metadata, for what lies in an archive or a folder."""

from __future__ import annotations

import io
import itertools
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from animesearch.datasets.classfolders import class_root, labelled
from animesearch.datasets.contents import Contents
from animesearch.datasets.decode import looks_like_image
from animesearch.datasets.kinds import ClassChoice
from animesearch.datasets.metadata import Records, without_record
from animesearch.datasets.sources.base import Item, Listing, Memory, Payload, Progress
from animesearch.datasets.tree import Tree, ahead, readable, tree_at
from animesearch.datasets.walk import hashed, read_files
from animesearch.errors import DataError, did_you_mean
from animesearch.storage.places import is_uri

AUTO: Final = "auto"
NONE: Final = "none"
METADATA_NAMES: Final = re.compile(
    r"(.*/)?(metadata[^/]*|tags|posts)\.(json|jsonl|ndjson)|(.*/)?metadata/[^/]+\.(json|jsonl)",
    re.IGNORECASE,
)
"""What files of records are called; any ``x.json`` beside an image ``x`` is its record too."""

Read = Callable[[Sequence[Item]], Iterator[tuple[Item, Payload]]]


@dataclass(frozen=True)
class Beside:
    """Files that hold records of many images, and those of one, with the image beside it."""

    files: tuple[str, ...] = ()
    sidecars: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What faults that belong to no single file stand under."""
        return self.files[0] if self.files else "*.json"

    def __bool__(self) -> bool:
        return bool(self.files or self.sidecars)


def beside(names: Collection[str], images: Iterable[str], choice: str, place: str) -> Beside:
    """Which of the names hold metadata: those of the usual names, or the one that is asked for.

    :class:`DataError` if that one is not there.
    """
    if choice == NONE:
        return Beside()
    if choice != AUTO:
        return Beside((_asked_for(names, choice, place),))
    likely = [name for name in names if name.lower().endswith(("json", "jsonl"))]
    files = tuple(sorted(name for name in likely if METADATA_NAMES.fullmatch(name)))
    return Beside(files, _sidecars(likely, images, set(files)))


def _asked_for(names: Collection[str], choice: str, place: str) -> str:
    wanted = posixpath.normpath(choice)
    found = [name for name in names if name == wanted or name.endswith(f"/{wanted}")]
    if wanted in found or len(found) == 1:
        return wanted if wanted in found else found[0]
    hint = did_you_mean(choice, (name for name in names if name.endswith(("json", "jsonl"))))
    raise DataError(f"'{place}' has no metadata file '{choice}'{f'; {hint}' if hint else ''}")


def _sidecars(names: Iterable[str], images: Iterable[str], files: set[str]) -> dict[str, str]:
    """``x.json`` or ``x.png.json`` for the image ``x.png``."""
    candidates = [name for name in names if name.endswith(".json") and name not in files]
    if not candidates:
        return {}
    whole = set(images)
    stems = {posixpath.splitext(name)[0]: name for name in sorted(whole)}
    bare = ((name, name.removesuffix(".json")) for name in candidates)
    pairs = ((name, stem if stem in whole else stems.get(stem)) for name, stem in bare)
    return {name: image for name, image in pairs if image is not None and image != name}


def annotated(
    contents: Contents, classes: ClassChoice, tags: str, name: str, read: Read
) -> Listing:
    """The members of an archive as a listing, with their labels and tags.

    Files that hold the metadata are no longer among the items.  Raises :class:`DataError` for
    classes or a metadata file that are asked for and are not there.
    """
    by_name = {item.name: item for item in contents.items}
    held = beside(by_name, contents.images, tags, name)
    refused = list(contents.refused)
    items = contents.items
    if held:
        records = Records(contents.images)
        used = _read_members(records, held, by_name, read)
        items = records.onto(item for item in items if item.name not in used)
        bare = sorted(contents.images - records.tags.keys()) if records.tags else []
        refused += [*records.faults(), *without_record(held.name, bare)]
    labels, strays = labelled(items, contents.images, classes, name)
    return Listing.of(labels, [*refused, *strays], contents.sequential)


def _read_members(records: Records, held: Beside, by_name: dict[str, Item], read: Read) -> set[str]:
    """Takes all records; returns the names of the files that hold any of an image here."""
    used = set(held.sidecars)
    for item, payload in read([by_name[name] for name in (*held.files, *held.sidecars)]):
        data = payload if isinstance(payload, bytes) else None
        if item.name in held.sidecars:
            records.add_sidecar(held.sidecars[item.name], data)
        elif records.add_file(item.name, io.BytesIO(data or b"")):
            used.add(item.name)
    return used


def annotated_folder(
    tree: Tree, choice: str, classes: ClassChoice, memory: Memory, progress: Progress
) -> Listing:
    """The files of a folder as a listing, with their labels and the tags of their records.

    ``choice`` is ``auto``, or a file of records: below the folder, or anywhere by its whole path.
    Raises :class:`DataError` if that is not there, and for classes that are asked for and are not.
    """
    found = tree.walk()
    paths = {readable(entry.path): entry.path for entry in found.files}
    outside = _outside(choice) if choice not in paths else None
    held = Beside() if outside else beside_paths(paths, choice, tree.name)
    skipped = {*held.files, *held.sidecars}
    files = [entry for entry in found.files if readable(entry.path) not in skipped]
    items = hashed(tree, files, found, memory, progress)
    records = Records(item.name for item in items)
    _read_files(records, tree, held, paths, outside)
    bare = [item.path for item in items if item.name not in records.tags] if records.tags else []
    images = [readable(path) for path in images_among(tree, bare)]
    told = without_record(outside.name if outside else held.name, sorted(images))
    images = [] if classes == "no" else class_images(tree, [item.path for item in items])
    labels, strays = labelled(records.onto(items), images, classes, tree.name)
    return Listing.of(labels, [*found.refused, *records.faults(), *told, *strays])


def beside_paths(names: Collection[str], choice: str, place: str) -> Beside:
    """As :func:`beside` where nobody has looked into the files."""
    return beside(names, (name for name in names if not name.endswith(".json")), choice, place)


def _outside(choice: str) -> Tree | None:
    """A file of records by its whole path, if the choice is one."""
    if not is_uri(choice) and not Path(choice).is_absolute():
        return None
    tree = tree_at(choice)
    if tree.kind() != "file":
        raise DataError(f"no file of records at '{choice}'")
    return tree


def _read_files(
    records: Records, tree: Tree, held: Beside, paths: Mapping[str, bytes], outside: Tree | None
) -> None:
    try:
        if outside is not None:
            with outside.open() as file:
                records.add_file(outside.name, file)
        for name in held.files:
            with tree.open(paths[name]) as file:
                records.add_file(name, file)
    except OSError as fault:
        raise DataError(f"records in '{tree.name}' cannot be read: {fault}") from fault
    beside_one = [Item(name, "", path=paths[name]) for name in held.sidecars]
    for item, data in read_files(tree, beside_one):
        records.add_sidecar(held.sidecars[item.name], data)


def images_among(tree: Tree, paths: Sequence[bytes]) -> Iterator[bytes]:
    """Those of the files that are images by their content."""
    heads = ahead(tree.head, paths, tree.readers) if tree.far else map(tree.head, paths)
    return (path for path, head in zip(paths, heads, strict=True) if looks_like_image(head))


def class_images(tree: Tree, paths: Sequence[bytes], depth: int | None = None) -> list[str]:
    """The files that decide whether folders are classes: none, or all images that may be astray.

    Those at ``depth`` (by default where most files lie) are taken for images; the others are
    looked into, which are few where folders are classes.
    """
    if depth is None:
        depths = Counter(path.count(b"/") for path in paths)
        depth = max(depths, key=lambda found: (depths[found], found), default=0)
    names = [readable(path) for path in paths if path.count(b"/") == depth]
    if class_root(names) is None:
        return []
    elsewhere = [path for path in paths if path.count(b"/") != depth]
    return names + [readable(path) for path in itertools.islice(images_among(tree, elsewhere), 1)]
