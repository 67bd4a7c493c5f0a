"""Files of a run, served read-only: known kinds in known places, never through a link."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from animesearch.results.web.context import run_of

ENCODED = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)
"""Slashes, backslashes and NUL in disguise: no address of ours has one."""
FOREVER = "private, max-age=31536000, immutable"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Kind:
    """What is served: ``pattern`` of its path in the run folder, how, and whether to be saved."""

    pattern: re.Pattern[str]
    media: str
    download: bool = False


_TRIAL = r"trials/[A-Za-z0-9_-]+"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
KINDS = (
    Kind(re.compile(rf"{_TRIAL}/grids/[0-9]+\.png"), "image/png"),
    Kind(re.compile(rf"{_TRIAL}/{_NAME}\.png"), "image/png"),
    Kind(re.compile(rf"(?:data/{_NAME}|best)\.png"), "image/png"),
    Kind(re.compile(r"data/nearest/[0-9]+\.png"), "image/png"),
    Kind(re.compile(rf"{_TRIAL}/{_NAME}\.csv"), "text/csv; charset=utf-8", download=True),
    Kind(re.compile(rf"{_TRIAL}/{_NAME}\.(?:log|txt)"), TEXT),
    Kind(re.compile(rf"{_TRIAL}/{_NAME}\.json|data/manifest\.json"), "application/json"),
    Kind(re.compile(r"(?:run|ranking|overrides)\.json"), "application/json"),
    Kind(re.compile(r"space\.yaml"), TEXT),
    Kind(
        re.compile(rf"{_TRIAL}/checkpoints/{_NAME}\.(?:ckpt|pt)"),
        "application/octet-stream",
        download=True,
    ),
    Kind(
        re.compile(rf"(?:{_TRIAL}/)?exports?/(?:{_NAME}/)?{_NAME}\.(?:safetensors|json|md|py)"),
        "application/octet-stream",
        download=True,
    ),
)


def kind_of(path: str) -> Kind | None:
    """How the path in a run folder is served; None for what is not."""
    return next((kind for kind in KINDS if kind.pattern.fullmatch(path)), None)


def confined(root: Path, path: str) -> Path | None:
    """The regular file ``path`` below ``root``; None for anything that is not exactly there.

    Resolving the path must change nothing: then there was no link and no ``..`` on the way.
    """
    try:
        wanted = root.resolve(strict=True).joinpath(*path.split("/"))
        if wanted.resolve(strict=True) != wanted or not wanted.is_file():
            return None
    except (OSError, ValueError, RuntimeError):
        return None
    return wanted


def run_file(request: Request) -> Response:
    """A file of the run, or 404: nothing tells whether a refused file exists."""
    path = request.path_params["path"]
    kind = kind_of(path)
    file = confined(run_of(request).folder.path, path) if kind else None
    if kind is None or file is None or ENCODED.search(request.scope.get("raw_path") or b""):
        raise HTTPException(404, "there is no such file")
    response = FileResponse(file, media_type=kind.media, filename=_save_as(path, kind))
    response.headers["Cache-Control"] = FOREVER if "v" in request.query_params else "no-cache"
    return response


def _save_as(path: str, kind: Kind) -> str | None:
    """The trial's name goes with a file that is saved among others."""
    parts = path.split("/")
    named = parts[0] == "trials" and len(parts) > 2
    return (f"{parts[1]}-{parts[-1]}" if named else parts[-1]) if kind.download else None


routes = [Route("/runs/{run}/files/{path:path}", run_file, name="file")]
