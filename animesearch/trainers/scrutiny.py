"""What a checkpoint's payload holds, looked at before torch reads it.

``torch.load(weights_only=True)`` runs no code, but it unpacks compressed entries however large
they are, and calls what its own list allows with any arguments (``bytearray(10**12)``).  So a
payload is first taken for what :func:`~animesearch.trainers.checkpoint.save_checkpoint` writes and
nothing else: entries as they are, and a pickle of tensors, numbers, texts, lists and dicts, no
tensor larger than the numbers that are there for it.  Memory then follows the file's size.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

END: Final = b"PK\x05\x06"
END_BYTES: Final = 22
WIDTHS: Final = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1,
}  # fmt: skip
"""Bytes of a number of each kind."""
MOST_AXES: Final = 16
OPCODES: Final = frozenset({
    "PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1",
    "BINFLOAT", "BINUNICODE", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1",
    "TUPLE2", "TUPLE3", "SETITEM", "SETITEMS", "APPEND", "APPENDS", "BINPUT", "LONG_BINPUT",
    "BINGET", "LONG_BINGET", "GLOBAL", "BINPERSID", "REDUCE", "BUILD",
})  # fmt: skip
FAULTS: Final = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    OverflowError, RecursionError, NotImplementedError, zipfile.BadZipFile,
)  # fmt: skip
"""What broken archives and pickles raise."""


def scrutinise(payload: bytes) -> None:
    """Raise ``ValueError``, saying why, for a payload that is not to be read."""
    try:
        content, sizes = _entries(payload)
        _check_opcodes(content)
        _Reader(content, sizes).load()
    except FAULTS as error:
        raise ValueError(str(error) or f"broken ({type(error).__name__})") from error


def _entries(payload: bytes) -> tuple[bytes, dict[str, int]]:
    """The pickle, and the bytes of each storage by its key."""
    if payload[-END_BYTES:][:4] != END:
        raise ValueError("it is no archive of tensors")
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        entries = archive.infolist()
        _check_entries(entries, len(payload))
        root = entries[0].filename.partition("/")[0]
        sizes = {entry.filename.removeprefix(f"{root}/data/"): entry.file_size for entry in entries}
        return archive.read(f"{root}/data.pkl"), sizes


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Two entries of one name or one place could be read as one thing here and as another there."""
    if not entries or min(entry.header_offset for entry in entries) != 0:
        raise ValueError("its archive does not begin where the file does")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("its archive has an entry twice")
    unpacked = sum(entry.file_size for entry in entries)
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or unpacked > size:
        raise ValueError(
            f"its archive would unpack to {unpacked:,} bytes; a checkpoint is not compressed"
        )


def _check_opcodes(content: bytes) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in OPCODES:
            raise ValueError(f"its pickle uses {opcode.name}, which no checkpoint needs")
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > count:
            raise ValueError("its pickle asks for more memory than it has values")


@dataclass(frozen=True)
class _Storage:
    """A storage that is there, with ``count`` numbers."""

    count: int


def _tensor(
    storage: object = None, _offset: object = None, size: object = None, *_: object
) -> None:
    """In place of the function that makes a tensor of a storage."""
    if not isinstance(storage, _Storage) or not isinstance(size, tuple) or len(size) > MOST_AXES:
        raise ValueError("a tensor is made of something else than a storage and a size")
    if not all(isinstance(edge, int) and 0 <= edge < 2**63 for edge in size):
        raise ValueError("a tensor's size is not made of whole numbers")
    if math.prod(size) > storage.count:
        raise ValueError(f"a tensor of the size {size} has fewer numbers in the file")


class _Reader(pickle.Unpickler):
    """Goes through a pickle with stand-ins for the few names that it may use."""

    def __init__(self, content: bytes, sizes: Mapping[str, int]) -> None:
        super().__init__(io.BytesIO(content))
        self._sizes = sizes

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in; never anything that is imported."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in WIDTHS:
            return WIDTHS[name]
        raise _unknown(module, name)

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage of the size that the archive has for it."""
        _, width, key, _, count = pid
        if not (isinstance(width, int) and isinstance(key, str) and isinstance(count, int)):
            raise ValueError("a tensor's storage is named by something else than kind and number")
        if self._sizes.get(key) != width * count:
            raise ValueError(f"a tensor's storage {key[:40]!r} has another size in the file")
        return _Storage(count)


def _unknown(module: str, name: str) -> ValueError:
    return ValueError(
        f"its pickle asks for {module[:60]}.{name[:60]}, which may run code; a checkpoint holds "
        "tensors, numbers, texts, lists and dicts alone"
    )
