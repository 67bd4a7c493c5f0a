"""The dashboard of runs in a bucket: news, pictures, and a store that goes away for a while."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient

from animesearch.errors import RunFolderError
from animesearch.results.journal import Journal
from animesearch.results.web.app import create_app
from animesearch.results.web.mirrored import PICTURES_S, MirroredRuns
from animesearch.results.web.security import access
from animesearch.results.web.store import Store
from animesearch.storage import store as stores
from animesearch.storage.mirror import Sender
from animesearch.storage.patience import Patience
from tests.results.scripted_run import created
from tests.results.web.conftest import HOST
from tests.results.web.runs import unfinished, write_run
from tests.storage.clocks import QUICK
from tests.storage.servers import S3


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))


def mirrored(url: str) -> MirroredRuns:
    return MirroredRuns(url, pause_s=0.0, patience=Patience(pauses=QUICK))


def client_of(runs: MirroredRuns) -> TestClient:
    app = create_app(Store(runs.path, lambda: runs.notice), access("127.0.0.1", 8300, ""))
    return TestClient(app, base_url=HOST)


def test_a_run_is_followed(s3: S3, url: str, tmp_path: Path) -> None:
    """Journal at once, pictures after it, news as they come; no checkpoints."""
    folder = write_run(tmp_path / "run", unfinished())
    weights = folder.checkpoints("t0000") / "images-1.ckpt"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    sender = Sender(stores.Store.open(url), folder.path)
    sender.push("")
    runs = mirrored(url)
    runs.begin()
    client = client_of(runs)
    name = url.rpartition("/")[2]
    address = f"/api/runs/{name}/ranking"
    assert client.get(address).json()["total"] > 0
    runs.look()
    thumbnails = [row["thumbnail"] for row in client.get(address).json()["rows"]]
    picture = next(thumbnail for thumbnail in thumbnails if thumbnail)
    assert client.get(f"/runs/{name}/files/{picture}").status_code == 200
    assert not list(runs.path.rglob("*.ckpt"))
    Journal(folder.journal).append(created(9))
    sender.push("journal")
    _due(runs)
    before = client.get(address).json()["revision"]
    runs.look()
    assert client.get(address).json()["revision"] != before
    assert "X-Notice" not in client.get(address).headers


def _due(runs: MirroredRuns) -> None:
    """As if the pauses were over."""
    for followed in runs._runs.values():
        followed.due = 0.0
        followed.pictured -= PICTURES_S


def test_a_store_that_is_away_is_told_and_what_was_there_stays(
    s3: S3, url: str, tmp_path: Path
) -> None:
    folder = write_run(tmp_path / "run")
    stores.Store.open(url).upload(folder.info_file, "run.json")
    Sender(stores.Store.open(url), folder.path).push("journal")
    runs = mirrored(url)
    runs.begin()
    client, address = client_of(runs), f"/api/runs/{url.rpartition('/')[2]}/ranking"
    s3.proxy.fail("refuse")
    _due(runs)
    runs.look()
    answer = client.get(address)
    assert answer.status_code == 200 and answer.json()["total"] > 0
    assert unquote(answer.headers["X-Notice"]).startswith("The store cannot be reached since ")
    s3.proxy.fail("pass")
    _due(runs)
    runs.look()
    assert "X-Notice" not in client.get(address).headers


def test_all_runs_of_a_place(place: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = write_run(tmp_path / name)
        Sender(stores.Store.open(f"{place}/{name}"), folder.path).push("run.json", "journal")
    stores.Store.open(place).write("no-run/x", b"")
    runs = mirrored(place)
    runs.begin()
    rows = client_of(runs).get("/api/runs").json()["runs"]
    assert [row["key"] for row in rows] == ["a", "b"]
    stores.Store.open(f"{place}/b").delete_all("")
    runs = mirrored(place)
    runs.begin()
    assert [run.key for run in Store(runs.path).runs()] == ["a"]


def test_a_place_without_runs_is_refused(url: str) -> None:
    with pytest.raises(RunFolderError, match="neither a run nor a place of runs"):
        mirrored(url).begin()
