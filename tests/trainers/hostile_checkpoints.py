"""Checkpoints that somebody made to do harm: whole by their headers, evil inside."""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from animesearch.files import canonical_json

HUGE = 10**12
"""Numbers that no machine here has room for."""
BOMB = 10**8


@dataclass
class Evil:
    """Makes the file ``mark`` when it is unpickled."""

    mark: Path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


@dataclass
class Storage:
    """A storage by its name, as torch writes them, whatever the archive holds."""

    count: object
    kind: object = torch.FloatStorage
    key: object = "0"


@dataclass
class Claimed:
    """A tensor of any size and stride of a storage."""

    storage: object
    size: object
    stride: object

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        arguments = (self.storage, 0, self.size, self.stride, False, OrderedDict())
        return torch._utils._rebuild_tensor_v2, arguments


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing: Any) -> Any:
        if isinstance(thing, Storage):
            return ("storage", thing.kind, thing.key, "cpu", thing.count)
        return None


def pickled(payload: object) -> bytes:
    """As torch pickles, with claims about storages."""
    buffer = io.BytesIO()
    _Pickler(buffer, 2).dump(payload)
    return buffer.getvalue()


def archive(
    content: bytes, entries: Mapping[str, bytes] | None = None, method: int = zipfile.ZIP_STORED
) -> bytes:
    """An archive as torch's, of any pickle and storages."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/byteorder", "little")
        for name, entry in (entries or {}).items():
            file.writestr(f"archive/data/{name}", entry)
        file.writestr("archive/version", "3\n")
    return buffer.getvalue()


def saved(payload: object, **options: Any) -> bytes:
    """What torch itself writes."""
    buffer = io.BytesIO()
    torch.save(payload, buffer, **options)
    return buffer.getvalue()


def calling(module: str, name: str, argument: bytes) -> bytes:
    """A pickle that calls a function with one argument (opcodes)."""
    return b"\x80\x02c%s\n%s\n%s\x85R." % (module.encode(), name.encode(), argument)


def attack(name: str, mark: Path) -> bytes:
    """A payload by what it tries; ``mark`` appears where code of it was run."""
    made = ATTACKS[name]
    return made(Evil(mark))


def _claiming(claim: object) -> Callable[[Evil], bytes]:
    """What is said of a storage of four numbers."""
    return lambda _: archive(pickled({"a": claim}), {"0": bytes(16)})


def _bomb(_: Evil) -> bytes:
    """400 MB of zeros in 400 kB."""
    whole = Claimed(Storage(BOMB), (BOMB,), (1,))
    return archive(pickled({"a": whole}), {"0": bytes(4 * BOMB)}, zipfile.ZIP_DEFLATED)


def _good() -> bytes:
    return saved({"weights": torch.zeros(2)})


def _opcodes(content: bytes) -> Callable[[Evil], bytes]:
    return lambda _: archive(content)


TRILLION = b"\x8a\x06" + HUGE.to_bytes(6, "little")
ATTACKS: dict[str, Callable[[Evil], bytes]] = {
    "code": lambda evil: saved({"code": evil}),
    "code in the old format": lambda evil: saved(
        {"code": evil}, _use_new_zipfile_serialization=False
    ),
    "code without torch": pickle.dumps,
    "code as a function's name": _opcodes(calling("posix", "system", b"X\4\0\0\0true")),
    "memory": _opcodes(calling("__builtin__", "bytearray", TRILLION)),
    "bomb": _bomb,
    "larger than its storage": _claiming(Claimed(Storage(4), (HUGE,), (0,))),
    "larger storage": _claiming(Claimed(Storage(HUGE), (HUGE,), (1,))),
    "negative": _claiming(Claimed(Storage(-4), (4,), (1,))),
    "kind repeated": _claiming(Storage(HUGE, kind="xxxx")),
    "size repeated": _claiming(Claimed(Storage(4), ([0], HUGE), (1, 1))),
    "size of 1000 axes": _claiming(Claimed(Storage(4), (1,) * 1000, ())),
    "called storage": _opcodes(b"\x80\x02ctorch\nFloatStorage\n)R."),
    "tensor of nothing": _opcodes(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."),
    "memo": _opcodes(b"\x80\x02}r\xff\xff\xff\x7f."),
    "another protocol": _opcodes(pickle.dumps({"a": b"x" * 10}, 4)),
    "no end": _opcodes(b"\x80\x02}"),
    "empty pickle": _opcodes(b""),
    "no pickle": lambda _: _good().replace(b"data.pkl", b"data.pkx"),
    "twice": lambda _: twice(_good()),
    "before the archive": lambda _: b"PK\3\4rest" + _good(),
    "behind the archive": lambda _: _good() + b"rest",
    "nothing": lambda _: b"",
    "text": lambda _: b"x" * 1000,
}


def twice(content: bytes) -> bytes:
    """The archive with an entry of the name of its pickle once more."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, about the name
        name = next(one for one in file.namelist() if one.endswith("data.pkl"))
        file.writestr(name, pickled({"weights": 1}))
    return buffer.getvalue()


def write_payload(path: Path, body: bytes, **changes: Any) -> Path:
    """A checkpoint file whose header fits its payload."""
    header = {
        "format": 1,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "images": 1,
        "score": 0.5,
        "healthy": True,
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(canonical_json(header).encode() + b"\n" + body)
    return path
