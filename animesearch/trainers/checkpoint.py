"""Checkpoints: one self-checking file each, written atomically.

A file is a header line (JSON: format, size and SHA-256 of the rest, images, score, health) and
the payload, which torch reads with ``weights_only=True`` after
:mod:`~animesearch.trainers.scrutiny` has looked at it: loading a file of somebody else's runs no
code and takes no more memory than the file has bytes, a few times over.
"""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError

from animesearch.errors import CheckpointError
from animesearch.files import canonical_json, open_regular, write_atomic
from animesearch.registry import Options
from animesearch.trainers.scrutiny import scrutinise

LOG = logging.getLogger(__name__)
FORMAT = 1
SUFFIX = ".ckpt"
HEADER_BYTES = 4096


@dataclass(frozen=True)
class CheckpointInfo:
    """What the header tells without reading the payload.

    ``images`` shown, ``score`` at that rung (None without one), ``healthy`` False where the
    report carried a verdict.
    """

    images: int
    score: float | None
    healthy: bool


class _Header(Options):
    """The first line of a file."""

    format: Literal[1]
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    images: int = Field(ge=0, lt=2**63)
    score: float | None
    healthy: bool


def save_checkpoint(folder: Path, payload: dict[str, Any], info: CheckpointInfo) -> Path:
    """Write ``images-<images>.ckpt`` in ``folder`` and delete the files no longer wanted.

    ``payload`` may hold tensors, numbers, texts, None, and lists and dicts of them.  Kept are
    the last two files, the last healthy one and the best one (lowest score of a healthy one).
    """
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    body = buffer.getvalue()
    header = {
        "format": FORMAT,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        **vars(info),
    }
    path = checkpoint_path(folder, info.images)
    write_atomic(path, canonical_json(header).encode() + b"\n" + body)
    _tidy(folder)
    return path


def checkpoint_path(folder: Path, images: int) -> Path:
    """Where the checkpoint after so many images stands, or will."""
    return folder / f"images-{images:012d}{SUFFIX}"


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The payload, on the CPU; :class:`CheckpointError` for a cut or changed or foreign file."""
    header, body = _read(path)
    if len(body) != header.bytes or hashlib.sha256(body).hexdigest() != header.sha256:
        raise CheckpointError(f"{path} is damaged: size or SHA-256 do not fit its header")
    try:
        scrutinise(body)
        payload = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(payload, dict):
        raise CheckpointError(f"{path} holds no checkpoint but a {type(payload).__name__}")
    return payload


def read_info(path: Path) -> CheckpointInfo:
    """The header's facts; :class:`CheckpointError` where there is no such header."""
    header, _ = _read(path, body=False)
    return CheckpointInfo(header.images, header.score, header.healthy)


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Where a checkpoint's identity is not the wanted one, each with both values."""
    return [
        f"{name} {found.get(name)}, not {value}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of the payload, from the header: the same wherever the file lies.

    Raises :class:`CheckpointError` where there is no such header.
    """
    header, _ = _read(path, body=False)
    return header.sha256


def latest_checkpoint(
    folder: Path, say: Callable[[str], None] | None = None
) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint of ``folder``; damaged ones are logged and passed over.

    ``say`` hears of them too.  None where there is none: the trial then starts anew, which its
    seed makes the same trial.
    """
    files = checkpoint_files(folder)
    while files:
        path = files.pop()
        try:
            return path, load_checkpoint(path)
        except CheckpointError as error:
            then = "the one before it is used" if files else "the trial begins anew"
            LOG.warning("%s; %s", error, then)
            if say is not None:
                say(f"{error}; {then}")
    return None


def best_checkpoint(folder: Path) -> Path | None:
    """The healthy checkpoint of the lowest score, else the last healthy one, else None."""
    healthy = [(path, info) for path, info in _infos(folder) if info.healthy]
    scored = [(info.score, path) for path, info in healthy if info.score is not None]
    if scored:
        return min(scored)[1]
    return healthy[-1][0] if healthy else None


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoint files of ``folder``, oldest first."""
    return sorted(folder.glob(f"images-*{SUFFIX}"))


def _tidy(folder: Path) -> None:
    infos = _infos(folder)
    # The one before the last is for a last one that a failing disk has cut in half since.
    keep = {path for path, _ in infos[-2:]}
    keep |= {path for path, info in [i for i in infos if i[1].healthy][-1:]}
    keep |= {path for path in [best_checkpoint(folder)] if path is not None}
    for path in set(checkpoint_files(folder)) - keep:
        path.unlink(missing_ok=True)


def _infos(folder: Path) -> list[tuple[Path, CheckpointInfo]]:
    """Readable files with their facts, oldest first."""
    found = []
    for path in checkpoint_files(folder):
        try:
            found.append((path, read_info(path)))
        except CheckpointError as error:
            LOG.warning("%s", error)
    return found


def _read(path: Path, body: bool = True) -> tuple[_Header, bytes]:
    try:
        with open_regular(path) as file:
            header = _Header.model_validate_json(file.readline(HEADER_BYTES))
            return header, file.read() if body else b""
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its header"
        raise CheckpointError(
            f"{path} is no checkpoint of format {FORMAT}: {where}: {first['msg']}"
        ) from error
