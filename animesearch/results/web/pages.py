"""The pages: each a template, a script of the same name, and a line in :data:`PAGES`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from animesearch.errors import RunFolderError
from animesearch.results.formats import clean
from animesearch.results.web.context import named_run, store_of
from animesearch.results.web.files import FOREVER

HERE = Path(__file__).parent
PLOTLY = "plotly/package_data/plotly.min.js"


@dataclass(frozen=True)
class Page:
    """A page: ``templates/<name>.html`` and ``static/<name>.js``.

    A page with a ``key`` has a place in the navigation of its run, and is opened by g and that
    letter; ``charts`` brings Plotly, which takes a moment to load.
    """

    name: str
    path: str
    title: str
    key: str = ""
    charts: bool = False


PAGES = (
    Page("runs", "/", "Runs"),
    Page("ranking", "/runs/{run}/", "Ranking", key="r"),
    Page("wall", "/runs/{run}/wall", "Grid wall", key="w"),
    Page("space", "/runs/{run}/space", "Space", key="s"),
    Page("compare", "/runs/{run}/compare", "Compare", key="c", charts=True),
    Page("compareruns", "/compare", "Compare runs", charts=True),
    Page("trial", "/runs/{run}/trials/{trial}", "Trial", charts=True),
)

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def handler(page: Page) -> Callable[[Request], Response]:
    """The function that answers with ``page``."""

    def show(request: Request) -> Response:
        if page.path == "/" and store_of(request).single:
            only = store_of(request).runs()[0]
            return RedirectResponse(f"/runs/{quote(only.key, safe='')}/", 302)
        return HTMLResponse(render(request, page))

    return show


def render(request: Request, page: Page) -> str:
    """The page's frame; its script fetches what it shows."""
    run = request.path_params.get("run")
    return TEMPLATES.get_template(f"{page.name}.html").render(
        page=page,
        run=run,
        run_name=_name_of(request, run) if run is not None else "",
        base=f"/runs/{quote(run, safe='')}" if run is not None else "",
        trial=request.path_params.get("trial"),
        single=store_of(request).single,
        tabs=_tabs(run),
        plotly=f"/static/plotly.min.js?v={plotly_digest()}" if page.charts else None,
    )


def _tabs(run: str | None) -> list[dict[str, str]]:
    """The pages that a run's navigation shows."""
    if run is None:
        return []
    pages = [page for page in PAGES if page.key]
    return [
        {
            "name": page.name,
            "title": page.title,
            "key": page.key,
            "address": page.path.replace("{run}", quote(run, safe="")),
        }
        for page in pages
    ]


def _name_of(request: Request, run: str) -> str:
    """The run's own name; that of its folder where run.json cannot be read."""
    try:
        return clean(named_run(request, run).moment().info.name)
    except RunFolderError:
        return clean(run)


def problem_page(request: Request, status: int, problem: str) -> Response:
    """A page that says what is wrong."""
    text = TEMPLATES.get_template("problem.html").render(
        page=Page("problem", "", "Problem"),
        run=None,
        run_name="",
        base="",
        trial=None,
        single=store_of(request).single,
        tabs=[],
        plotly=None,
        status=status,
        problem=clean(problem),
    )
    return HTMLResponse(text, status)


def plotly_file() -> Path | None:
    """Plotly's script in the package of that name, found without importing it."""
    try:
        found = Path(str(distribution("plotly").locate_file(PLOTLY)))
    except PackageNotFoundError:
        return None
    return found if found.is_file() else None


@lru_cache(maxsize=1)
def plotly_digest() -> str:
    """Part of the script's address, so that a browser may keep it for ever."""
    file = plotly_file()
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file else "missing"


def plotly_script(_request: Request) -> Response:
    """Plotly, or 404 where its package is missing."""
    file = plotly_file()
    if file is None:
        return Response("the package plotly is not installed\n", 404)
    return FileResponse(file, media_type="text/javascript", headers={"Cache-Control": FOREVER})


class Static(StaticFiles):
    """The package's own scripts and styles: kept by the browser, asked for again each time."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


routes = [
    Route("/static/plotly.min.js", plotly_script, name="plotly"),
    Mount("/static", Static(directory=HERE / "static"), name="static"),
    *(Route(page.path, handler(page), name=page.name) for page in PAGES),
]
