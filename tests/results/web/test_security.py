"""Who may read, and what a page may load."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.web.security import access, host_name, is_loopback
from tests.results.web.conftest import client_of

TOKEN = "0123456789abcdef"
ADDRESSES = ("/", "/runs/run/", "/runs/run/wall", "/runs/run/trials/t0000", "/api/runs",
             "/api/runs/run/ranking", "/runs/run/files/data/reals.png", "/static/base.css",
             "/static/plotly.min.js", "/nowhere")  # fmt: skip


@pytest.fixture
def guarded(folder: RunFolder) -> TestClient:
    """Listening elsewhere than on the loopback."""
    return client_of(folder.path, "0.0.0.0", TOKEN)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_answered(client: TestClient, address: str, method: str) -> None:
    assert client.request(method, address).status_code == 405


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_has_the_policy(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"]
    assert "server" not in headers


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_foreign_name_that_leads_here_is_refused(
    client: TestClient, address: str, host: str
) -> None:
    answer = client.get(address, headers={"Host": host})
    assert (answer.status_code, answer.text) == (421, "unknown host\n")


@pytest.mark.parametrize("host", ["127.0.0.1:8300", "localhost:8300", "LOCALHOST", "[::1]:9"])
def test_the_names_of_this_machine_are_known(client: TestClient, host: str) -> None:
    assert client.get("/api/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_elsewhere_than_on_the_loopback_nothing_is_told_without_the_token(
    guarded: TestClient, address: str
) -> None:
    for headers in ({}, {"Cookie": "animesearch_8300=wrong"}, {"Authorization": "Bearer wrong"}):
        answer = guarded.get(address, headers=headers)
        assert answer.status_code == 401
        assert "t0000" not in answer.text
    assert guarded.get(f"{address}?token=wrong").status_code == 401


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded: TestClient) -> None:
    answer = guarded.get(f"/runs/run/?where=state%3Dpruned&token={TOKEN}&sort=kimg")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/runs/run/?where=state%3Dpruned&sort=kimg"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert TOKEN not in cookie
    assert guarded.get("/api/runs").status_code == 200


def test_a_program_may_send_the_token_as_bearer(guarded: TestClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/api/runs", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "///evil.example"])
def test_the_token_leads_to_no_other_place(guarded: TestClient, path: str) -> None:
    answer = guarded.get(f"http://127.0.0.1:8300{path}?token={TOKEN}")
    assert re.match(r"/(?![/\\])", answer.headers["location"])


def test_the_token_is_made_where_it_is_needed() -> None:
    assert access("127.0.0.1", 8300).token == ""
    made = {access("0.0.0.0", 8300).token for _ in range(3)}
    assert len(made) == 3
    assert all(len(token) >= 32 for token in made)
    assert access("127.0.0.1", 8300, TOKEN).token == TOKEN


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(UserError, match="16 characters"):
        access("0.0.0.0", 8300, "short")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LocalHost"])
def test_the_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_addresses_are_not_the_loopback(host: str) -> None:
    assert not is_loopback(host)
    assert access(host, 8300).token


def test_a_bound_name_is_known_and_others_are_not() -> None:
    assert access("192.168.1.5", 8300).hosts == {"192.168.1.5", "localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("header", "name"),
    [("[::1]:8300", "::1"), ("A.b:1", "a.b"), ("a", "a"), ("", ""), ("[", ""), ("[::1", "::1")],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name
