"""Shipped spaces and the search for a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from animesearch.errors import UnknownNameError, UserError
from animesearch.searchspace import catalogue, list_spaces, load_space
from tests.searchspace.models import FULL, File


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "small.yaml").write_bytes(b"\n" + FULL)
    (folder / "bare.yaml").write_text("title: t\ntrial: {body: round}\n", encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_list(shipped: Path) -> None:
    assert list_spaces() == [
        ("bare", "", shipped / "bare.yaml"),
        ("small", "A space with everything", shipped / "small.yaml"),
    ]


@pytest.mark.parametrize("name", ["small", "small.yaml", "small.yml"])
def test_shipped_names(shipped: Path, name: str) -> None:
    assert load_space(name, File).fixed.title == "all"  # type: ignore[attr-defined]


def test_the_working_directory_comes_first(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("title: mine\ntrial: {body: round}\n", encoding="utf-8")
    assert load_space("small.yaml", File).fixed.title == "mine"  # type: ignore[attr-defined]
    assert load_space("small", File).fixed.title == "all"  # type: ignore[attr-defined]


def test_not_found(shipped: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'small'\? Shipped: bare, small"):
        load_space("smal.yaml", File)
    with pytest.raises(UnknownNameError, match=r"no space file 'elsewhere/small.yaml' here"):
        load_space("elsewhere/small.yaml", File)


@pytest.mark.parametrize("name", [".", "/", "", "a\0b", "x" * 5000, "/dev/null"])
def test_what_is_no_file(shipped: Path, name: str) -> None:
    with pytest.raises(UserError):
        load_space(name, File)


def test_a_pipe_is_not_waited_for(shipped: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="not a regular file"):
        load_space("pipe", File)


def test_the_package_has_its_folder() -> None:
    assert all(space.summary for space in list_spaces())
