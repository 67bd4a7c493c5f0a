"""What the pages of the space and of comparisons are told, in JSON."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from animesearch.results.journal import Journal
from tests.results.scripted_run import created
from tests.results.web.conftest import client_of
from tests.results.web.runs import unfinished, write_run

SPACE = "/api/runs/run/space"
COMPARE = "/api/runs/run/compare"


def test_the_space_has_figures_and_tables(client: TestClient) -> None:
    data = client.get(SPACE).json()
    assert (data["total"], len(data["points"]), data["rung"]) == (6, 6, None)
    assert data["parallel"]["drawing"][0] == "svg"
    assert {figure["parameter"] for figure in data["slices"]} >= {"loss", "generator.lr"}
    assert data["heat"]["rows"] == ["progan", "penn-dcgan"]
    assert data["rungs"]["rows"][1][:4] == ["4.0", 5, 3, 1]
    assert data["spending_table"]["rows"][-1][0] == "all trials"


def test_the_space_is_filtered_and_compared_at_a_rung(client: TestClient) -> None:
    data = client.get(SPACE, params={"where": "architecture=progan", "rung": "0"}).json()
    assert {point["trial"]: point["score"] for point in data["points"]} == {
        "t0001": 5700.0, "t0003": None, "t0005": 5300.0,
    }  # fmt: skip
    assert data["total"] == 6
    assert client.get(SPACE, params={"where": "architecture"}).status_code == 400


@pytest.mark.parametrize("rung", ["9", "-1", "x", "1.0", "١", "4", "999999999999"])
def test_another_rung_is_refused(client: TestClient, rung: str) -> None:
    answer = client.get(SPACE, params={"rung": rung})
    assert answer.status_code == 400
    assert "rung" in answer.json()["problem"]


def test_pages_that_hold_the_revision_are_told_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", unfinished())
    client = client_of(folder.path)
    for address in (SPACE, COMPARE, "/api/compare?runs=run,run2"):
        if "run2" in address:
            write_run(tmp_path / "run2")
            client = client_of(tmp_path)
        first = client.get(address).json()["revision"]
        again = address + ("&" if "?" in address else "?") + f"since={first}"
        assert client.get(again).json() == {"revision": first, "unchanged": True}
        Journal(folder.journal).append(created(9 + len(address)))
        assert "unchanged" not in client.get(again).json()


def test_trials_are_compared_in_the_order_asked_for(client: TestClient) -> None:
    data = client.get(COMPARE, params={"trials": "t0003,t0000"}).json()
    assert [one["trial"] for one in data["trials"]] == ["t0003", "t0000"]
    assert [len(one["grids"]) for one in data["trials"]] == [1, 4]
    assert data["reals"] == "data/reals.png"
    assert len(data["others"]) == 6
    best = client.get(COMPARE).json()
    assert [one["trial"] for one in best["trials"]] == ["t0000", "t0005"]


@pytest.mark.parametrize(
    ("trials", "status"),
    [("t0000", 400), ("t0000,t0000", 400), (",".join(f"t000{n}" for n in range(7)), 400),
     ("t0000,t9999", 404), ("t0000,../x", 404)],
)  # fmt: skip
def test_one_many_and_unknown_trials_are_refused(
    client: TestClient, trials: str, status: int
) -> None:
    answer = client.get(COMPARE, params={"trials": trials})
    assert answer.status_code == status
    assert answer.json()["problem"]


def test_runs_of_one_protocol_are_compared_others_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name)
    write_run(tmp_path / "c", metric="fid", protocol={"samples": 7})
    client = client_of(tmp_path)
    assert client.get("/api/compare").json()["compared"] is None
    data = client.get("/api/compare", params={"runs": "b,c,a"}).json()
    assert data["known"] == ["a", "b", "c"]
    assert [run["run"] for run in data["compared"]["runs"]] == ["b", "a"]
    assert [one["run"] for one in data["compared"]["refused"]] == ["c"]
    assert data["compared"]["rows"][0]["thumbnail"].startswith("trials/t0000/grids/")
    assert client.get("/api/compare", params={"runs": "a,none"}).status_code == 404
    assert client.get("/api/compare", params={"runs": "a"}).status_code == 400


@pytest.mark.parametrize("path", ["/runs/run/space", "/runs/run/compare", "/compare"])
def test_pages_load_only_what_the_server_has(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    for found in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        assert found.startswith("/"), found
        assert client.get(found).status_code in (200, 302), found
    assert "<script>" not in page.text
