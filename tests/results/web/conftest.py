"""A run folder, and the dashboard over it: in process, and in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from animesearch.results.folder import RunFolder
from animesearch.results.web.app import create_app
from animesearch.results.web.security import access
from animesearch.results.web.store import Store
from tests.results.web.browser import Browser, new_driver, serving
from tests.results.web.runs import write_run

HOST = "http://127.0.0.1:8300"


def client_of(path: Path, host: str = "127.0.0.1", token: str = "") -> TestClient:
    """A client of the dashboard of ``path``."""
    app = create_app(Store(path), access(host, 8300, token))
    return TestClient(app, base_url=HOST, follow_redirects=False, raise_server_exceptions=False)


def raw_get(client: TestClient, path: str) -> tuple[int, bytes]:
    """Status and content for an address as it stands: a client would tidy ``..`` away."""
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8300")],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        """Nobody hangs up."""
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(client.app, scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run; for tests that only read it."""
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def client(folder: RunFolder) -> Iterator[TestClient]:
    with client_of(folder.path) as client:
        yield client


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = new_driver(tmp_path_factory.mktemp("profile"))
    try:
        yield Browser(found)
    finally:
        found.quit()


@pytest.fixture
def browser(driver: Browser) -> Iterator[Browser]:
    """The browser as it was started, silent before and after."""
    driver.emulate(1280, dark=False)
    driver.complaints()
    yield driver
    assert driver.complaints() == []
    driver.run("localStorage.clear()")
    driver.driver.get("about:blank")


@pytest.fixture(scope="module")
def site(folder: RunFolder) -> Iterator[str]:
    with serving(folder.path) as address:
        yield address
