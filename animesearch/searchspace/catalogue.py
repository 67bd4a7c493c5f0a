"""The space files that ship with the package."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from animesearch.errors import UnknownNameError, UserError, did_you_mean

FOLDER = Path(__file__).parent / "spaces"


class ShippedSpace(NamedTuple):
    """Name without suffix, the first comment line of the file, and where it lies."""

    name: str
    summary: str
    path: Path


def list_spaces() -> list[ShippedSpace]:
    """The shipped spaces in alphabetical order."""
    files = sorted(FOLDER.glob("*.yaml"))
    return [ShippedSpace(file.stem, _first_comment(file), file) for file in files]


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("#") and text.strip("# "):
            return text.strip("# ")
    return ""


def find_space(path_or_name: str | Path) -> Path:
    """The file that is meant: a path as it stands, else a shipped space.

    Raises :class:`UserError` for what is no regular file, :class:`UnknownNameError` with the
    shipped names where there is neither.
    """
    try:
        return _find(Path(path_or_name))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot look for the space {str(path_or_name)[:80]!r}: {why}") from None


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    shipped = {space.name: space.path for space in list_spaces()}
    if path.parent == Path() and path.suffix in {"", ".yaml", ".yml"} and path.stem in shipped:
        return shipped[path.stem]
    if path.exists():
        raise UserError(f"the space '{path}' is not a regular file")
    hint = did_you_mean(path.stem[:64], shipped)
    allowed = ", ".join(shipped) or "none"
    raise UnknownNameError(
        f"no space file '{path}' here and none of that name is shipped"
        f"{f', {hint}' if hint else '.'} Shipped: {allowed}"
    )
