"""Files of a run: what is served, and everything that must not be."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from animesearch.results.folder import RunFolder
from animesearch.results.web.files import confined, kind_of
from tests.results.web.conftest import client_of, raw_get
from tests.results.web.runs import write_run

SECRET = "not for any reader"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with secrets beside it and links that lead to them."""
    folder = write_run(tmp_path / "runs" / "run")
    (tmp_path / "runs" / "secret.png").write_text(SECRET)
    (tmp_path / "runs" / "run-2").mkdir()
    (tmp_path / "runs" / "run-2" / "best.png").write_text(SECRET)
    trial = folder.trial("t0000")
    (trial / "link.png").symlink_to(tmp_path / "runs" / "secret.png")
    (trial / "inner.png").symlink_to(trial / "grids" / "000004000.png")
    (folder.path / "trials" / "t0099").symlink_to(tmp_path / "runs")
    (trial / "checkpoints").mkdir()
    (trial / "checkpoints" / "images-000000032000.ckpt").write_bytes(b"weights")
    (trial / "export").mkdir()
    (trial / "export" / "generator.safetensors").write_bytes(b"tensors")
    for name in ("study.db", ".lock", "plugins/mine.py", "trials/t0000/run.sh", "tune/x.json"):
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text(SECRET)
    return folder


@pytest.fixture
def client(folder: RunFolder) -> TestClient:
    return client_of(folder.path)


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("trials/t0000/grids/000004000.png", "image/png"),
        ("data/reals.png", "image/png"),
        ("data/nearest/000004.png", "image/png"),
        ("trials/t0000/losses.csv", "text/csv; charset=utf-8"),
        ("run.json", "application/json"),
        ("trials/t0000/checkpoints/images-000000032000.ckpt", "application/octet-stream"),
        ("trials/t0000/export/generator.safetensors", "application/octet-stream"),
    ],
)
def test_known_kinds_in_known_places_are_served(
    client: TestClient, folder: RunFolder, path: str, media: str
) -> None:
    answer = client.get(f"/runs/run/files/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert answer.content == (folder.path / path).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "../run-2/best.png",
        "trials/../../secret.png",
        "trials/t0000/../../../secret.png",
        "trials/%2e%2e/%2e%2e/secret.png",
        "trials%2F..%2F..%2Fsecret.png",
        "data%2freals.png",
        "data%5creals.png",
        "..%5csecret.png",
        "data/reals.png%00",
        "data/reals.png%00.txt",
        "data/%00reals.png",
        "%2e%2e%2fsecret.png",
        "%252e%252e%252fsecret.png",
        "/etc/passwd",
        "//etc/passwd",
        "trials/t0000/link.png",
        "trials/t0000/inner.png",
        "trials/t0099/secret.png",
        "trials//t0000/grids/000004000.png",
        "trials/./t0000/grids/000004000.png",
        "data/",
        "data",
        "",
        ".lock",
        "study.db",
        "plugins/mine.py",
        "tune/x.json",
        "journal/00000001.json",
        "trials/t0000/run.sh",
        "trials/t0000/grids/none.png",
        "data/none.png",
        "data/reals.png/",
        "data/reals.png/x.png",
    ],
)
def test_everything_else_is_not_there(client: TestClient, path: str) -> None:
    status, content = raw_get(client, f"/runs/run/files/{path}")
    assert status == 404
    assert SECRET.encode() not in content


def test_the_raw_way_reaches_files_too(client: TestClient) -> None:
    assert raw_get(client, "/runs/run/files/data/reals.png")[0] == 200


@pytest.mark.parametrize("run", ["..", "%2e%2e", "run%2f..", ".", "%00", "run%00"])
def test_no_run_leads_elsewhere(client: TestClient, run: str) -> None:
    for rest in ("/files/best.png", "/", "/wall", "/trials/t0000"):
        status, content = raw_get(client, f"/runs/{run}{rest}")
        assert status == 404
        assert SECRET.encode() not in content


@pytest.mark.parametrize("trial", ["..", "%2e%2e", "t0000%2f..", "%00", "t0099", "."])
def test_no_trial_leads_elsewhere(client: TestClient, trial: str) -> None:
    for rest in ("", "/tables"):
        assert raw_get(client, f"/api/runs/run/trials/{trial}{rest}")[0] == 404


def test_a_link_is_refused_even_where_it_stays_inside(folder: RunFolder) -> None:
    assert confined(folder.path, "trials/t0000/inner.png") is None
    assert confined(folder.path, "data/reals.png") is not None


def test_a_run_folder_may_itself_be_reached_by_a_link(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder.path)
    assert confined(tmp_path / "link", "data/reals.png") is not None


@pytest.mark.parametrize(
    "path", ["best.png\n", "BEST.PNG", "data/.hidden.png", "run.json/../run.json"]
)
def test_names_that_only_look_alike_are_no_kind(path: str) -> None:
    assert kind_of(path) is None


def test_checkpoints_are_saved_under_a_name_with_their_trial(client: TestClient) -> None:
    path = "trials/t0000/checkpoints/images-000000032000.ckpt"
    answer = client.get(f"/runs/run/files/{path}")
    wanted = 'attachment; filename="t0000-images-000000032000.ckpt"'
    assert answer.headers["content-disposition"] == wanted
    assert "content-disposition" not in client.get("/runs/run/files/data/reals.png").headers


def test_an_address_with_a_version_is_kept_for_ever(client: TestClient) -> None:
    plain = client.get("/runs/run/files/data/reals.png")
    versioned = client.get("/runs/run/files/data/reals.png?v=1")
    assert plain.headers["cache-control"] == "no-cache"
    assert "immutable" in versioned.headers["cache-control"]


def test_files_of_a_trial_are_listed_without_links(client: TestClient) -> None:
    files = client.get("/api/runs/run/trials/t0000").json()["files"]
    assert [file["name"] for file in files] == [
        "checkpoints/images-000000032000.ckpt",
        "epochs.csv",
        "export/generator.safetensors",
        "gradients.csv",
        "losses.csv",
    ]
    for file in files:
        answer = client.get(f"/runs/run/files/{file['path']}")
        assert (answer.status_code, len(answer.content)) == (200, file["bytes"])
