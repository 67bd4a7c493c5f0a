"""Names of places, and names in them."""

from __future__ import annotations

import pytest

from animesearch.errors import StorageError
from animesearch.storage.cache import working_folder
from animesearch.storage.places import below, checked, is_safe, key_of, short_name, shown


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("s3://bucket/a/b.tar?region=eu", "b.tar"), ("s3://bucket", "bucket"),
        ("gs://bucket/a%20b/", "a b"), ("/x/y/", "y"), ("y", "y"), ("/", "/"),
    ],
)  # fmt: skip
def test_short_names(place: str, name: str) -> None:
    assert short_name(place) == name


def test_options_of_a_uri_are_not_shown_and_stay_below() -> None:
    uri = "s3://bucket/runs/x/?region=eu"
    assert shown(uri) == "s3://bucket/runs/x"
    assert below(uri, "packed/1") == "s3://bucket/runs/x/packed/1?region=eu"
    assert shown("/plain?path/") == "/plain?path/"


def test_keys_tell_places_apart_and_not_spellings() -> None:
    assert key_of("s3://bucket/x") == key_of("s3://bucket/x/?region=eu")
    assert key_of("s3://bucket/x").startswith("x-")
    others = {
        key_of("s3://bucket/x"), key_of("s3://other/x"), key_of("gs://bucket/x"),
        key_of("s3://bucket/x", "http://here"), key_of("s3://bucket/x?endpoint_override=here"),
    }  # fmt: skip
    assert len(others) == 5
    assert key_of("s3://bucket/x?endpoint_override=here") == key_of("s3://bucket/x", "here")


def test_copies_of_one_uri_on_two_servers_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scheme by its own client's variable."""
    variables = {"s3": "AWS_ENDPOINT_URL", "gs": "CLOUD_STORAGE_EMULATOR_ENDPOINT"}
    for variable in ("AWS_ENDPOINT_URL_S3", *variables.values()):
        monkeypatch.delenv(variable, raising=False)
    for scheme, variable in variables.items():
        before = {s: working_folder(f"{s}://bucket/x") for s in variables}
        monkeypatch.setenv(variable, "http://here")
        changed = {s for s in variables if working_folder(f"{s}://bucket/x") != before[s]}
        assert changed == {scheme}


@pytest.mark.parametrize("uri", ["ftp://host/x", "s3://key:secret@bucket/x", "s3://b/x?token=1"])
def test_what_is_no_place_is_told_without_secrets(uri: str) -> None:
    with pytest.raises(StorageError) as refused:
        checked(uri)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["run.json", "trials/t0000/grids/1.png", "a b/ä.txt", "..."])
def test_names_that_stay_within(name: str) -> None:
    assert is_safe(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/", "a\\..\\b", "a\x00b", "a\nb",
        "x" * 256, "..",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere(name: str) -> None:
    assert not is_safe(name)
