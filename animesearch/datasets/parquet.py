"""Images in Parquet files: listed and read row group by row group, never whole.

In memory are a page of the file, which its writer sized, and a few rows, however large a row group
is.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from animesearch.datasets.contents import ArchiveBombError, bomb_limit, clean_name, is_unsafe
from animesearch.datasets.metadata import MalformedError, as_tags, clean_text
from animesearch.datasets.parquetcolumns import (
    Columns,
    ColumnsError,
    Wanted,
    find_columns,
    label_text,
)
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.refusals import (
    METADATA_MALFORMED,
    NOT_PARQUET,
    PARQUET_BROKEN,
    WRONG_COLUMNS,
)
from animesearch.datasets.sources.base import MAX_FILE_BYTES, Item, Listing, Memory, Progress
from animesearch.datasets.tree import Entry, Tree, readable
from animesearch.errors import DataError

BATCH_ROWS: Final = 4
"""Rows in memory at once: one alone may have :data:`MAX_FILE_BYTES`."""
BUFFER_BYTES: Final = 1024 * 1024
MAX_NAME_CHARS: Final = 500
FREE_ROWS: Final = 1_000_000
"""A file may have so many rows, or one for each of its bytes: null takes less than a bit."""
FILE_SHIFT: Final = 40
"""An item's offset is the number of its file, shifted so far, and its row: the order of reading."""
MAGIC: Final = b"PAR1"
FAULTS: Final = (pa.ArrowException, OSError, ValueError, TypeError, LookupError)
"""What a broken file raises while it is read."""


class Row(NamedTuple):
    """One row: its bytes (``None`` where there are none or they were not read), and the rest."""

    number: int
    data: bytes | None
    path: object
    label: object
    tags: object


def _opened(file: IO[bytes]) -> pq.ParquetFile:
    return pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)


def _leaf(batch: pa.RecordBatch, dotted: str | None) -> pa.Array | None:
    """A column, or the field of a struct; null where the struct is."""
    if dotted is None:
        return None
    index = batch.schema.get_field_index(dotted)
    if index >= 0:
        return _decoded(batch.column(index))
    name, _, inner = dotted.rpartition(".")
    struct = batch.column(batch.schema.get_field_index(name))
    return _decoded(struct.flatten()[struct.type.get_field_index(inner)])


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _rows(
    batch: pa.RecordBatch, columns: Columns, first: int, images: bool
) -> tuple[int, list[Row]]:
    """The rows of a batch, and how many bytes they are when nothing is shared between them."""
    paths = (columns.image if images else None, columns.path, columns.label, columns.tags)
    leaves = [_leaf(batch, path) for path in paths]
    values = (
        itertools.repeat(None, batch.num_rows) if leaf is None else leaf.to_pylist()
        for leaf in leaves
    )
    rows = [Row(first + place, *row) for place, row in enumerate(zip(*values, strict=True))]
    return sum(leaf.nbytes for leaf in leaves if leaf is not None), rows


def _group_rows(
    file: pq.ParquetFile, group: int, columns: Columns, first: int, images: bool = True
) -> Iterator[tuple[int, list[Row]]]:
    """The rows of one row group in small batches, each with its size in bytes.

    Raises ``ValueError`` if they are not as many as declared.
    """
    names = [*([columns.image] if images else []), *columns.beside]
    end = first + file.metadata.row_group(group).num_rows
    if not names:
        yield 0, [Row(number, None, None, None, None) for number in range(first, end)]
        return
    batches = file.iter_batches(BATCH_ROWS, row_groups=[group], columns=names, use_threads=False)
    for batch in batches:
        if first + batch.num_rows > end:
            break
        yield _rows(batch, columns, first, images)
        first += batch.num_rows
    if first != end:
        raise ValueError(f"it has not the rows that it declares, which end at {end:,}")


def _starts(file: pq.ParquetFile) -> list[int]:
    """The first row of each row group, and the number of rows at the end."""
    counts = [file.metadata.row_group(g).num_rows for g in range(file.metadata.num_row_groups)]
    if min(counts, default=0) < 0:
        raise ValueError("a row group of fewer than no rows")
    return [0, *itertools.accumulate(counts)]


def list_parquet(tree: Tree, wanted: Wanted, memory: Memory, progress: Progress) -> Listing:
    """Every row with an image, in a file or in all Parquet files below a folder.

    Raises :class:`DataError` if there is no Parquet file with such columns, and
    :class:`ArchiveBombError` for one that unpacks to far more than it should.
    """
    return _Scan(tree, wanted, memory, progress).listing()


@dataclass
class _Part:
    """What one file gives: items by their rows, or the digests that are remembered of them."""

    entry: Entry
    name: str
    number: int
    digests: list[list[object] | None] = field(default_factory=list)
    clean: bool = True


class _Scan:
    def __init__(self, tree: Tree, wanted: Wanted, memory: Memory, progress: Progress) -> None:
        self._tree = tree
        self._wanted = wanted
        self._memory = memory
        self._progress = progress
        self._items: dict[str, Item] = {}
        self._refused: list[Dropped] = []
        self._place = f"{tree.place}#parquet"
        self._known = memory.recall(self._place)
        self._kept: dict[str, object] = {}

    def listing(self) -> Listing:
        files = self._files()
        total = sum(entry.size for entry in files)
        done = 0
        for number, entry in enumerate(files):
            name = readable(entry.path) or self._tree.name
            self._file(_Part(entry, name, number))
            done += entry.size
            self._progress("hash", done, total)
        self._check(len(files))
        if self._kept != self._known:
            self._memory.store(self._place, self._kept)
        return Listing.of(self._items.values(), self._refused, sequential=True)

    def _check(self, files: int) -> None:
        if self._items:
            return
        if files == 0:
            raise DataError(f"no Parquet file in '{self._tree.name}'")
        first = next((drop for drop in self._refused if drop.reason != NOT_PARQUET), None)
        why = f": {first.name}: {first.detail or first.reason}" if first else ""
        raise DataError(f"no image in the Parquet of '{self._tree.name}'{why}")

    def _files(self) -> list[Entry]:
        if self._tree.kind() == "file":
            return [self._tree.entry()]
        found = self._tree.walk()
        self._refused += found.refused
        kept = []
        for entry in sorted(found.files):
            if self._tree.head(entry.path).startswith(MAGIC):
                kept.append(entry)
            else:
                self._refuse(readable(entry.path), NOT_PARQUET)
        return kept

    def _refuse(self, name: str, reason: str, detail: str = "") -> None:
        line = " ".join(clean_text(detail).split())[:200]
        self._refused.append(Dropped(name, reason, line))

    def _file(self, part: _Part) -> None:
        try:
            with self._tree.open(part.entry.path) as file, _opened(file) as table:
                columns = find_columns(table.schema_arrow, self._wanted)
                self._groups(part, table, columns)
        except ColumnsError as fault:
            self._refuse(part.name, WRONG_COLUMNS, str(fault))
        except FAULTS as fault:
            self._refuse(part.name, PARQUET_BROKEN, str(fault))
        else:
            if part.clean and part.entry.settled:
                stamp = [part.entry.stamp, columns.image]
                self._kept[part.name] = [*stamp, part.digests]

    def _groups(self, part: _Part, table: pq.ParquetFile, columns: Columns) -> None:
        starts = _starts(table)
        _check_rows(part, starts[-1])
        width = len(str(max(0, starts[-1] - 1)))
        known = self._remembered(part, columns, starts[-1])
        left = bomb_limit(part.entry.size)
        for group, first in enumerate(starts[:-1]):
            try:
                for size, rows in _group_rows(table, group, columns, first, known is None):
                    left -= size
                    self._check_bomb(part, left)
                    for row in rows:
                        self._row(part, row, columns, width, known)
            except FAULTS as fault:
                part.clean = False
                self._refuse(f"{part.name}#row-group-{group}", PARQUET_BROKEN, str(fault))

    def _check_bomb(self, part: _Part, left: int) -> None:
        if left < 0:
            raise ArchiveBombError(
                f"'{part.name}' unpacks to more than {bomb_limit(part.entry.size):,} bytes: "
                "refused as a decompression bomb"
            )

    def _remembered(
        self, part: _Part, columns: Columns, count: int
    ) -> list[list[object] | None] | None:
        match self._known.get(part.name):
            case [stamp, column, list(digests)] if (
                stamp == part.entry.stamp
                and column == columns.image
                and len(digests) == count
                and all(map(_is_digest, digests))
            ):
                return digests
            case _:
                return None

    def _row(
        self,
        part: _Part,
        row: Row,
        columns: Columns,
        width: int,
        known: Sequence[list[object] | None] | None,
    ) -> None:
        plain = f"{part.name}#{row.number:0{width}d}"
        digest = known[row.number] if known is not None else _digest(row)
        part.digests.append(digest)
        if digest is None:
            detail = f"only a path: '{row.path}'" if row.path else ""
            self._refuse(plain, Reason.EMPTY, detail)
            return
        if int(str(digest[1])) > MAX_FILE_BYTES:
            self._refuse(plain, Reason.TOO_MANY_BYTES, f"{digest[1]} bytes")
            return
        name = _path_name(row.path)
        name = plain if name is None or name in self._items else name
        self._items[name] = Item(
            name=name,
            sha256=str(digest[0]),
            size=int(str(digest[1])),
            label=label_text(row.label, columns.classes),
            path=b"%d:%s" % (row.number, part.entry.path),
            offset=part.number << FILE_SHIFT | row.number,
            tags=self._tags(plain, row.tags),
        )

    def _tags(self, name: str, value: object) -> tuple[str, ...]:
        try:
            return as_tags(value)
        except MalformedError as fault:
            self._refuse(name, METADATA_MALFORMED, f"its tags are left out: {fault}")
            return ()


def _check_rows(part: _Part, rows: int) -> None:
    if rows > max(FREE_ROWS, part.entry.size):
        raise ArchiveBombError(
            f"'{part.name}' declares {rows:,} rows in {part.entry.size:,} bytes: "
            "refused as a decompression bomb"
        )


def _is_digest(known: object) -> bool:
    match known:
        case None | [str(), int()]:
            return True
        case _:
            return False


def _digest(row: Row) -> list[object] | None:
    """SHA-256 and length of the bytes, if there are any."""
    return None if row.data is None else [hashlib.sha256(row.data).hexdigest(), len(row.data)]


def _path_name(path: object) -> str | None:
    """The name of an image that the table gives, if it can serve as one.

    One with ``#`` cannot: those name rows.
    """
    if not isinstance(path, str) or not 0 < len(path) <= MAX_NAME_CHARS:
        return None
    if is_unsafe(path) or "#" in path:
        return None
    return clean_name(clean_text(path))


def read_parquet(
    tree: Tree, wanted: Wanted, items: Sequence[Item]
) -> Iterator[tuple[Item, bytes | None]]:
    """The bytes of the items, in the order of the rows; ``None`` where they are gone."""
    ordered = sorted(items, key=lambda item: item.offset)
    for path, group in itertools.groupby(ordered, key=lambda item: item.path.split(b":", 1)[1]):
        left = {int(item.path.split(b":", 1)[0]): item for item in group}
        with (
            contextlib.suppress(*FAULTS, ColumnsError),
            tree.open(path) as file,
            _opened(file) as table,
        ):
            yield from _read_rows(table, wanted, left)
        yield from ((item, None) for item in left.values())


def _read_rows(
    table: pq.ParquetFile, wanted: Wanted, left: dict[int, Item]
) -> Iterator[tuple[Item, bytes | None]]:
    """Takes from ``left`` what is found."""
    columns = replace(find_columns(table.schema_arrow, wanted), path=None, label=None, tags=None)
    starts = _starts(table)
    for group, (first, end) in enumerate(itertools.pairwise(starts)):
        waiting = sum(first <= row < end for row in left)
        with contextlib.suppress(*FAULTS):
            for _, rows in _group_rows(table, group, columns, first) if waiting else ():
                for row in rows:
                    item = left.pop(row.number, None)
                    if item is not None:
                        waiting -= 1
                        yield item, row.data
                if not waiting:
                    break
