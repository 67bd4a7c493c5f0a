"""The application: routes of the modules beside this one, behind one guard."""

from __future__ import annotations

import logging
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from animesearch.errors import RunFolderError
from animesearch.results.formats import clean
from animesearch.results.web import api, compareapi, files, pages, spaceapi, trialapi, wallapi
from animesearch.results.web.security import Access, Guard
from animesearch.results.web.store import Store

NOTICE = "X-Notice"
LOG = logging.getLogger(__name__)
ROUTES = [
    *api.routes,
    *trialapi.routes,
    *wallapi.routes,
    *spaceapi.routes,
    *compareapi.routes,
    *files.routes,
    *pages.routes,
]
"""A page of its own module joins here."""


def create_app(store: Store, access: Access) -> Starlette:
    """The dashboard of ``store`` for those whom ``access`` lets in."""
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Guard, access=access), Middleware(Noticing, store=store)],
        exception_handlers={
            HTTPException: _refused,
            RunFolderError: _unreadable,
            Exception: _fault,
        },
    )
    app.state.store = store
    return app


class Noticing:
    """Puts the store's notice, percent-encoded, on every answer, so that every page shows it."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self._app, self._store = app, store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noticed(message: Message) -> None:
            if message["type"] == "http.response.start" and (notice := self._store.notice()):
                MutableHeaders(scope=message)[NOTICE] = quote(clean(notice))
            await send(message)

        await self._app(scope, receive, noticed)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _problem(request, error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


def _unreadable(request: Request, error: Exception) -> Response:
    """A run that is being copied, was removed, or is broken: the page says so and asks again."""
    return _problem(request, 409, str(error))


def _fault(request: Request, error: Exception) -> Response:
    """What went wrong stands in the log, not in the answer."""
    LOG.error("%s failed", request.url.path, exc_info=error)
    return _problem(request, 500, "the dashboard failed here; the terminal tells more")


def _problem(request: Request, status: int, problem: str) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"problem": clean(problem)}, status)
    return pages.problem_page(request, status, problem)
