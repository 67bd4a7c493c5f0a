"""What the page of one trial asks for: its story, and its tables of losses and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from animesearch.results.board import ranked_row
from animesearch.results.nearest import NearestImages, nearest_row, read_nearest
from animesearch.results.records import RunInfo
from animesearch.results.series import read_series, thin
from animesearch.results.story import config_yaml, trial_story
from animesearch.results.web.api import frame, unchanged
from animesearch.results.web.context import moment_of, trial_of
from animesearch.results.web.files import kind_of
from animesearch.results.web.grids import Grid
from animesearch.results.web.store import Moment

TABLES = ("losses", "epochs", "gradients")
DOWNLOADS = ("*.csv", "checkpoints/*", "export/*", "export/*/*", "*.log", "*.txt")


def trial(request: Request) -> Response:
    """What the journal and the folder of the trial hold, without the tables."""
    moment = moment_of(request)
    record = trial_of(request, moment)
    if unchanged(request, str(moment.revision)):
        return JSONResponse({"revision": str(moment.revision), "unchanged": True})
    names = [ranked.trial_id for ranked in moment.ranking]
    place = names.index(record.trial_id)
    ranked = moment.ranking[place]
    return JSONResponse(
        {
            **frame(moment),
            "trial": ranked_row(ranked, list(ranked.params)),
            "standing": next(row for row in moment.rows if record.trial_id in row["trials"]),
            "before": names[place - 1] if place else None,
            "after": names[place + 1] if place + 1 < len(names) else None,
            "yaml": config_yaml(record),
            **trial_story(moment.state, moment.configurations, record),
            "grids": grid_rows(moment, record.trial_id),
            "reals": reals(moment),
            "shape": grid_shape(moment.info),
            "files": _files(moment, record.trial_id),
        }
    )


def tables(request: Request) -> Response:
    """Losses of steps and epochs, and gradient norms, thinned to what a chart can show."""
    moment = moment_of(request)
    folder = moment.folder.trial(trial_of(request, moment).trial_id)
    revision = "-".join(str(_size(folder / f"{name}.csv")) for name in TABLES)
    if unchanged(request, revision):
        return JSONResponse({"revision": revision, "unchanged": True})
    found = {name: read_series(folder / f"{name}.csv") for name in TABLES}
    thinned = {name: thin(series) if series else None for name, series in found.items()}
    return JSONResponse({"revision": revision, **thinned})


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def reals(moment: Moment) -> str | None:
    """The picture of real images, where the run has one."""
    path = moment.folder.data / "reals.png"
    return "data/reals.png" if path.is_file() else None


def grid_rows(moment: Moment, trial_id: str) -> list[dict[str, Any]]:
    """The trial's grids, the earliest first; what the nearest training images are where known."""
    grids = moment.grids.get(trial_id, ())
    found = read_nearest(moment.folder, trial_id) if grids else None
    return [{**_grid_row(grid), **_nearest(found, grid.images)} for grid in grids]


def _grid_row(grid: Grid) -> dict[str, Any]:
    return {"images": grid.images, "address": grid.address}


def _nearest(found: NearestImages | None, images: int) -> dict[str, Any]:
    """Left out where there is none, as for nearly all grids of a large run."""
    row = nearest_row(found, images)
    return {"nearest": row} if row else {}


def grid_shape(info: RunInfo) -> tuple[int, int] | None:
    """Rows and columns of every grid, where the space tells."""
    found = info.space.get("search", {})
    grid = found.get("grid") if isinstance(found, dict) else None
    if not isinstance(grid, list) or len(grid) != 2 or not all(_is_edge(edge) for edge in grid):
        return None
    return (grid[0], grid[1])


def _is_edge(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 100


def _files(moment: Moment, trial_id: str) -> list[dict[str, Any]]:
    """What can be fetched of the trial, with its size in bytes."""
    folder = moment.folder.trial(trial_id)
    found = sorted({path for pattern in DOWNLOADS for path in folder.glob(pattern)})
    listed = [(path.relative_to(moment.folder.path).as_posix(), path) for path in found]
    return [
        {"path": name, "name": path.relative_to(folder).as_posix(), "bytes": _size(path)}
        for name, path in listed
        if kind_of(name) and path.is_file() and not path.is_symlink()
    ]


routes = [
    Route("/api/runs/{run}/trials/{trial}", trial, name="api-trial"),
    Route("/api/runs/{run}/trials/{trial}/tables", tables, name="api-tables"),
]
