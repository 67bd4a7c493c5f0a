"""What pages are told, in JSON."""

from __future__ import annotations

import shutil
from pathlib import Path

from starlette.testclient import TestClient

from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal, segments
from animesearch.results.web.wallapi import grid_shape
from tests.results.scripted_run import created, run_info
from tests.results.web.conftest import client_of
from tests.results.web.runs import NASTY, unfinished, write_run

RANKING = "/api/runs/run/ranking"


def test_the_ranking_has_its_rows_columns_and_pictures(client: TestClient) -> None:
    data = client.get(RANKING).json()
    assert [row["trial"] for row in data["rows"]] == [
        "t0000", "t0005", "t0002", "t0001", "t0003", "t0004",
    ]  # fmt: skip
    assert data["total"] == 6
    assert "generator.lr" in [column["name"] for column in data["parameters"]]
    assert data["rows"][0]["thumbnail"].startswith("trials/t0000/grids/000032000.png?v=")
    assert data["rows"][-1]["thumbnail"] is None
    assert data["run"]["metric"] == "fd-lite0"
    assert client.get(f"/runs/run/files/{data['rows'][0]['thumbnail']}").status_code == 200


def test_a_filter_is_read_by_the_server(client: TestClient) -> None:
    where = "architecture=progan and score<5000"
    data = client.get(RANKING, params={"where": where}).json()
    assert ([row["trial"] for row in data["rows"]], data["total"]) == (["t0005"], 6)
    wall = client.get("/api/runs/run/wall", params={"where": "state=pruned"}).json()
    assert [panel["trial"] for panel in wall["panels"]] == ["t0002", "t0001"]


def test_a_mistake_in_a_filter_is_told_with_its_place(client: TestClient) -> None:
    for address in (RANKING, "/api/runs/run/wall"):
        answer = client.get(address, params={"where": "state=pruned and archtecture=x"})
        assert answer.status_code == 400
        assert answer.headers["x-filter-position"] == "18"
        assert "unknown field 'archtecture'" in answer.json()["problem"]


def test_who_holds_the_revision_is_told_that_nothing_changed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", unfinished())
    client = client_of(folder.path)
    for address in (RANKING, "/api/runs/run/wall", "/api/runs/run/trials/t0000"):
        first = client.get(address).json()["revision"]
        assert client.get(address, params={"since": first}).json() == {
            "revision": first,
            "unchanged": True,
        }
    Journal(folder.journal).append(created(9))
    fresh = client.get(RANKING, params={"since": first}).json()
    assert fresh["revision"] != first
    assert fresh["rows"][-1]["trial"] == "t0009"


def test_tables_are_told_again_when_they_grow(client: TestClient, folder: RunFolder) -> None:
    address = "/api/runs/run/trials/t0001/tables"
    data = client.get(address).json()
    assert data["losses"]["columns"]["loss_d"]["mean"][0] is not None
    assert list(data["gradients"]["columns"]) == [
        "generator/first", "generator/last", "discriminator/first",
    ]  # fmt: skip
    again = {"since": data["revision"]}
    assert client.get(address, params=again).json()["unchanged"]
    with (folder.trial("t0001") / "losses.csv").open("a") as file:
        file.write("99999,1,1,1,1,1,1,1,1\n")
    assert client.get(address, params=again).json()["losses"]["images"][-1] == 99999


def test_a_trial_without_tables_has_none(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [created(0)])
    shutil.rmtree(folder.trial("t0000"))
    data = client_of(folder.path).get("/api/runs/run/trials/t0000/tables").json()
    assert (data["losses"], data["epochs"], data["gradients"]) == (None, None, None)


def test_the_trial_knows_its_neighbours_and_its_configuration(client: TestClient) -> None:
    data = client.get("/api/runs/run/trials/t0005").json()
    assert (data["before"], data["after"], data["best"]) == ("t0000", "t0002", "t0000")
    assert data["standing"]["place"] == 2
    assert data["yaml"].startswith("trial:\n")
    assert [grid["images"] for grid in data["grids"]] == [4000, 8000, 16000, 32000]
    assert client.get("/api/runs/run/trials/t0000").json()["before"] is None
    assert client.get("/api/runs/run/trials/t0004").json()["after"] is None


def test_the_wall_has_every_grid_and_the_shape_of_all(client: TestClient) -> None:
    data = client.get("/api/runs/run/wall").json()
    assert (data["shape"], data["reals"], data["total"]) == ([2, 3], "data/reals.png", 6)
    grids = data["panels"][0]["grids"]
    assert [grid["images"] for grid in grids] == [4000, 8000, 16000, 32000]
    assert [grid["images"] for grid in grids if "nearest" in grid] == [32000]


def test_the_nearest_training_images_stand_with_their_grid(client: TestClient) -> None:
    grids = client.get("/api/runs/run/trials/t0000").json()["grids"]
    assert ["nearest" in grid for grid in grids] == [False, False, False, True]
    near = grids[-1]["nearest"]
    assert near["distances"] == [1.5 + n for n in range(6)]
    assert (near["searched"], near["training"]) == (3000, 6000)
    for path in near["pictures"]:
        assert client.get(f"/runs/run/files/{path}").status_code == 200


def test_a_space_may_tell_nothing_of_grids() -> None:
    for space in ({}, {"search": 1}, {"search": {"grid": [2]}}, {"search": {"grid": [2, "x"]}},
                  {"search": {"grid": [0, 5]}}, {"search": {"grid": [True, 5]}}):  # fmt: skip
        assert grid_shape(run_info(space=space)) is None
    assert grid_shape(run_info(space={"search": {"grid": [4, 8]}})) == (4, 8)


def test_a_broken_record_is_shown_and_the_rest_lives(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    segments(folder.journal)[5].write_bytes(b"[{")
    data = client_of(folder.path).get(RANKING).json()
    assert [damage["where"] for damage in data["damage"]] == ["journal/00000006.json"]
    assert len(data["rows"]) == 6


def test_a_broken_description_is_a_problem_of_its_run_only(tmp_path: Path) -> None:
    write_run(tmp_path / "good")
    bad = write_run(tmp_path / "bad")
    client = client_of(tmp_path)
    assert "problem" not in client.get("/api/runs").json()["runs"][0]
    bad.info_file.write_text("{")
    rows = client.get("/api/runs").json()["runs"]
    assert [("problem" in row, row["key"]) for row in rows] == [(True, "bad"), (False, "good")]
    answer = client.get("/api/runs/bad/ranking")
    assert (answer.status_code, list(answer.json())) == (409, ["problem"])
    assert client.get("/runs/bad/").status_code == 200


def test_runs_tell_their_best_and_their_protocol(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", metric="fid")
    first, second = client_of(tmp_path).get("/api/runs").json()["runs"]
    assert first["best"] == {"trial": "t0000", "score": 4590.9}
    assert first["protocol_id"] != second["protocol_id"]


def test_unknown_runs_and_trials_are_not_there(client: TestClient) -> None:
    for address in ("/api/runs/none/ranking", "/api/runs/run/trials/t9999", "/api/nothing"):
        answer = client.get(address)
        assert answer.status_code == 404
        if address != "/api/nothing":
            assert answer.json()["problem"]


def test_texts_of_a_run_come_as_texts(tmp_path: Path) -> None:
    folder = write_run(tmp_path / NASTY.replace("/", "-"), [created(0, loss=NASTY)], name=NASTY)
    client = client_of(folder.path)
    page = client.get(client.get("/").headers["location"])
    assert page.status_code == 200
    assert "<script>document" not in page.text
    assert "&lt;script&gt;" in page.text
