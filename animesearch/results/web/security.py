"""Who may read: the right Host, the token where one is asked for; and what a page may load."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from animesearch.errors import UserError

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 16
METHODS = ("GET", "HEAD")
REFUSED = (
    "This dashboard needs its token: open the address that `animesearch dashboard` printed, the "
    "one with ?token= in it.\n"
)


@dataclass(frozen=True)
class Access:
    """Who may read: ``hosts`` are the names that a browser may have used (any, if empty), ``token``
    what it must know (nothing, if empty), ``cookie`` the name under which it keeps that."""

    hosts: frozenset[str]
    token: str
    cookie: str

    @property
    def secret(self) -> str:
        """What the cookie holds: not the token itself."""
        return hashlib.sha256(f"animesearch dashboard {self.token}".encode()).hexdigest()


def access(host: str, port: int, token: str = "") -> Access:
    """The access to a server bound to ``host``: elsewhere than on the loopback with a token, a
    new one where none is given.  Raises :class:`UserError` for a token that can be guessed."""
    if token and len(token) < SHORTEST_TOKEN:
        raise UserError(f"a token of fewer than {SHORTEST_TOKEN} characters can be guessed")
    needed = token or ("" if is_loopback(host) else secrets.token_urlsafe(24))
    hosts = frozenset() if _is_wildcard(host) else LOOPBACK_NAMES | {host.lower()}
    return Access(hosts, needed, f"animesearch_{port}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def host_name(header: str) -> str:
    """The name in a Host header, without its port: ``[::1]:8300`` -> ``::1``."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


class Guard:
    """The outermost layer: refuses before anything else looks at a request, and puts the headers
    of :data:`HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in METHODS:
            return PlainTextResponse("read-only\n", 405, {"Allow": ", ".join(METHODS)})
        # A foreign name that leads here is an attack by DNS rebinding.
        if self._access.hosts and host_name(headers.get("host", "")) not in self._access.hosts:
            return PlainTextResponse("unknown host\n", 421)
        return self._without_token(scope, headers) if self._access.token else None

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None:
            rest = [(name, value) for name, value in query if name != "token"]
            return self._admitted(scope, given, urlencode(rest))
        if _same(_bearer(headers), self._access.token):
            return None
        if _same(_cookie(headers, self._access.cookie), self._access.secret):
            return None
        return PlainTextResponse(REFUSED, 401)

    def _admitted(self, scope: Scope, given: str, query: str) -> Response:
        """The same address without the token, which then stands in no history and no log."""
        if not _same(given, self._access.token):
            return PlainTextResponse(REFUSED, 401)
        path = "/" + (scope.get("raw_path") or b"/").decode("latin-1").lstrip("/\\")
        answer = RedirectResponse(f"{path}?{query}" if query else path, 303)
        answer.set_cookie(self._access.cookie, self._access.secret, httponly=True, samesite="lax")
        return answer


def _add_headers(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


def _bearer(headers: Headers) -> str:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _same(given: str, wanted: str) -> bool:
    """In a time that does not depend on how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
