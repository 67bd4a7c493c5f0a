"""Zip archives: their members listed and hashed in one pass, and read without unpacking.

As with tars nothing is written to the disk, and members whose names lead out of a folder, links
and devices are refused all the same; so are encrypted ones and methods of compression that are
not read.  A zip in a zip is a member that is no image.
"""

from __future__ import annotations

import contextlib
import hashlib
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final

from animesearch.datasets.contents import (
    MAX_RATIO,
    ArchiveBombError,
    Contents,
    bomb_limit,
    clean_name,
    is_unsafe,
    remembered,
)
from animesearch.datasets.decode import looks_like_image
from animesearch.datasets.reasons import Dropped, Reason
from animesearch.datasets.refusals import ENCRYPTED, MEMBER_BROKEN, UNKNOWN_METHOD
from animesearch.datasets.sources.base import MAX_FILE_BYTES, Item, Memory, Progress
from animesearch.datasets.tree import Tree
from animesearch.datasets.zipformat import (
    METHODS,
    Member,
    ZipFormatError,
    find_directory,
    members,
    unpacked,
)
from animesearch.errors import DataError

PROGRESS_STEP: Final = 512


def list_zip(tree: Tree, memory: Memory, progress: Progress) -> Contents:
    """Every regular member with the hash of its bytes.

    Raises :class:`DataError` for a file that is no zip, and :class:`ArchiveBombError` for one
    that would unpack to far more than it should or whose members lie over each other.
    """
    return remembered(tree, memory, lambda: _Scan(tree, progress).contents())


class _Scan:
    """One pass over the directory, then one over the members."""

    def __init__(self, tree: Tree, progress: Progress) -> None:
        self._tree = tree
        self._size = tree.entry().size
        self._progress = progress
        self._members: dict[str, Member] = {}
        self._found = Contents()

    def contents(self) -> Contents:
        try:
            with self._tree.open() as file:
                self._directory(file)
                self._check_bomb()
                self._hash_all(file)
        except OSError as fault:
            raise DataError(f"zip '{self._tree.name}' cannot be read: {fault}") from fault
        return self._found

    def _refuse(self, name: str, reason: str, detail: str = "") -> None:
        self._found.refused.append(Dropped(name, reason, detail))

    def _directory(self, file: IO[bytes]) -> None:
        seen = 0
        try:
            for member in members(file, find_directory(file, self._size)):
                seen += 1
                self._take(member)
        except ZipFormatError as fault:
            if seen == 0:
                name = self._tree.name
                raise DataError(f"'{name}' is not a readable zip ({fault})") from fault
            self._refuse(self._tree.name, Reason.ARCHIVE_BROKEN, str(fault))

    def _take(self, member: Member) -> None:
        if member.is_folder:
            return
        name = clean_name(member.name)
        refusal = _refusal(member, self._size)
        if refusal is not None:
            self._refuse(name, *refusal)
            return
        if name in self._members:
            self._refuse(name, Reason.REPEATED_NAME)
        self._members[name] = member

    def _check_bomb(self) -> None:
        """Before anything is unpacked: the directory declares what there will be."""
        size = sum(member.size for member in self._members.values())
        if size > bomb_limit(self._size):
            raise ArchiveBombError(
                f"'{self._tree.name}' unpacks to {size:,} bytes, more than "
                f"{bomb_limit(self._size):,} ({MAX_RATIO} times its size): "
                "refused as a decompression bomb"
            )
        if sum(member.packed for member in self._members.values()) > self._size:
            raise ArchiveBombError(
                f"the members of '{self._tree.name}' lie over each other: "
                "refused as a decompression bomb"
            )

    def _hash_all(self, file: IO[bytes]) -> None:
        ordered = sorted(self._members.items(), key=lambda entry: entry[1].offset)
        for done, (name, member) in enumerate(ordered):
            if done % PROGRESS_STEP == 0:
                self._progress("hash", min(member.offset, self._size), self._size)
            try:
                data = unpacked(file, member)
            except ZipFormatError as fault:
                self._refuse(name, MEMBER_BROKEN, str(fault))
                continue
            self._found.items.append(_item(name, member, data))
            if looks_like_image(data[:16]):
                self._found.images.add(name)
        self._progress("hash", self._size, self._size)


def _item(name: str, member: Member, data: bytes) -> Item:
    """Method, length and checksum travel with the item: who reads it needs no directory."""
    how = f"{member.method},{member.packed},{member.crc}".encode()
    digest = hashlib.sha256(data).hexdigest()
    return Item(name, digest, member.size, path=how, offset=member.offset)


def _refusal(member: Member, end: int) -> tuple[str, str] | None:
    """The first reason not to read it from a file of ``end`` bytes, and what was found."""
    methods = ", ".join(METHODS.values())
    stop = member.offset + member.packed
    rules = (
        (stat.S_ISLNK(member.unix_mode), Reason.LINK, ""),
        (stat.S_IFMT(member.unix_mode) not in (0, stat.S_IFREG), Reason.NOT_A_FILE, ""),
        (is_unsafe(member.name), Reason.UNSAFE_PATH, ""),
        (member.encrypted, ENCRYPTED, ""),
        (member.method not in METHODS, UNKNOWN_METHOD, f"{member.method}; read are {methods}"),
        (_largest(member) > MAX_FILE_BYTES, Reason.TOO_MANY_BYTES, f"{_largest(member):,} bytes"),
        (stop > end, MEMBER_BROKEN, f"it ends before byte {stop:,}"),
    )
    return next(((str(reason), detail) for broken, reason, detail in rules if broken), None)


def _largest(member: Member) -> int:
    return max(member.size, member.packed)


def read_zip(tree: Tree, items: Sequence[Item]) -> Iterator[tuple[Item, bytes | None]]:
    """The bytes of the items, in the order of the archive; ``None`` where they are gone."""
    return _seek(tree, sorted(items, key=lambda item: item.offset))


def _seek(tree: Tree, items: Iterable[Item]) -> Iterator[tuple[Item, bytes | None]]:
    with contextlib.ExitStack() as stack:
        file: IO[bytes] | None = None
        for item in items:
            data: bytes | None = None
            with contextlib.suppress(OSError, ZipFormatError):
                file = file or stack.enter_context(tree.open())
                data = unpacked(file, _member(item))
            yield item, data


def _member(item: Item) -> Member:
    method, packed, crc = map(int, item.path.split(b","))
    return Member(item.name, method, packed, item.size, item.offset, crc, False, 0)
