"""The pages' frames, the files beside them, and the command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.web.pages import HERE, PAGES, plotly_file
from animesearch.results.web.server import Binding, address, serve
from tests.results.web.conftest import client_of, raw_get
from tests.results.web.runs import write_run


def test_every_page_has_its_template_and_its_script() -> None:
    for page in PAGES:
        assert (HERE / "templates" / f"{page.name}.html").is_file(), page
        assert (HERE / "static" / f"{page.name}.js").is_file(), page
    keys = [page.key for page in PAGES if page.key]
    assert len(keys) == len(set(keys))


def test_one_run_is_opened_at_once_and_several_are_listed(
    client: TestClient, folder: RunFolder
) -> None:
    assert client.get("/").headers["location"] == "/runs/run/"
    listed = client_of(folder.path.parent).get("/")
    assert (listed.status_code, "runs.js" in listed.text) == (200, True)


@pytest.mark.parametrize("path", ["/runs/run/", "/runs/run/wall", "/runs/run/trials/t0000"])
def test_pages_load_only_what_the_server_has(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    for found in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        assert found.startswith("/"), found
        assert client.get(found).status_code in (200, 302), found
    assert "<script>" not in page.text
    assert not re.search(r"\son\w+=", page.text)


def test_scripts_import_what_there_is(client: TestClient) -> None:
    for script in (HERE / "static").glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', script.read_text(encoding="utf-8")):
            assert (HERE / "static" / name).is_file(), f"{script.name} imports {name}"
        assert "innerHTML" not in script.read_text(encoding="utf-8"), script.name


def test_scripts_are_asked_for_again_and_plotly_is_kept(client: TestClient) -> None:
    style = client.get("/static/base.css")
    assert style.headers["cache-control"] == "no-cache"
    again = client.get("/static/base.css", headers={"If-None-Match": style.headers["etag"]})
    assert again.status_code == 304
    plotly = client.get("/static/plotly.min.js")
    assert "immutable" in plotly.headers["cache-control"]
    assert plotly.headers["content-type"].startswith("text/javascript")
    assert b"plotly.js" in plotly.content[:200]


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js"])
def test_static_files_are_confined(client: TestClient, path: str) -> None:
    assert raw_get(client, path)[0] == 404


@pytest.mark.parametrize("path", ["/runs/none/", "/runs/none/wall", "/nothing", "/runs/run/none"])
def test_a_page_that_is_not_there_says_so(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Not here" in answer.text


def test_the_address_has_the_token_and_a_name_that_can_be_opened() -> None:
    assert address("127.0.0.1", 8300, "") == "http://127.0.0.1:8300/"
    assert address("::1", 8300, "a b") == "http://[::1]:8300/?token=a%20b"
    assert "0.0.0.0" not in address("0.0.0.0", 8300, "x")


def test_a_taken_port_is_told_before_anything_starts(folder: RunFolder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}.*try --port"):
            serve(folder.path, Binding(port=port), ready=lambda _: None)


# -- the command -----------------------------------------------------------------------------------


@contextmanager
def dashboard(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process of its own, and the address that it printed."""
    command = [sys.executable, "-m", "animesearch", "dashboard", *arguments, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process, re.findall(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.kill()
        process.communicate()


def test_the_command_serves_until_it_is_interrupted(folder: RunFolder) -> None:
    with dashboard(str(folder.path)) as (process, place):
        assert place.startswith("http://127.0.0.1:")
        page = urllib.request.urlopen(f"{place}runs/run/").read().decode()
        assert "Ranking" in page
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0


def test_the_command_asks_for_a_token_elsewhere(folder: RunFolder) -> None:
    with dashboard(str(folder.path), "--host", "0.0.0.0") as (_, place):
        token = place.partition("?token=")[2]
        assert len(token) >= 32
        local = re.sub(r"//[^:/]+:", "//127.0.0.1:", place)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(local.partition("?")[0])
        request = urllib.request.Request(local.partition("?")[0] + "api/runs")
        request.add_header("Authorization", f"Bearer {token}")
        assert urllib.request.urlopen(request).status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nowhere"], "there is no folder"), (["."], "no run.json"), ([".", "--port", "x"], "--port")],
)
def test_mistakes_end_the_command_with_code_2(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    command = [sys.executable, "-m", "animesearch", "dashboard", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_the_server_needs_neither_torch_nor_ray_nor_plotly_itself(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    code = (
        "import sys\n"
        "for name in ('torch', 'ray', 'plotly', 'rich'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from animesearch.results.web.app import create_app\n"
        "from animesearch.results.web.security import access\n"
        "from animesearch.results.web.store import Store\n"
        "from starlette.testclient import TestClient\n"
        f"app = create_app(Store(Path({str(tmp_path / 'run')!r})), access('127.0.0.1', 1))\n"
        "client = TestClient(app, base_url='http://127.0.0.1')\n"
        "for path in ('/', '/api/runs/run/ranking', '/runs/run/trials/t0000',\n"
        "             '/api/runs/run/trials/t0000/tables', '/static/plotly.min.js'):\n"
        "    assert client.get(path).status_code == 200, path\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment)


def test_plotly_comes_from_its_package() -> None:
    file = plotly_file()
    assert file is not None
    assert file.stat().st_size > 1_000_000
