"""A search keeps to itself: no secret of the environment in what it writes or says, and nothing
listens beyond this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.listening import LOOPBACK, TABLES, listening
from tests.results.web.conftest import client_of
from tests.results.web.runs import write_run
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[1]
MARK = "planted-and-never-to-be-seen"
SECRETS = {
    name: f"{MARK}-{name.lower()}"
    for name in (
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "WANDB_API_KEY", "HF_TOKEN", "GITHUB_TOKEN",
        "ANIMESEARCH_STORAGE_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "MY_OWN_SECRET",
    )
}  # fmt: skip
DEADLINE_S = 240
LOOK_S = 0.2
linux = pytest.mark.skipif(not TABLES[0].exists(), reason="reads Linux' tables of sockets")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **SECRETS, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "animesearch", *map(str, arguments)]


def said(*arguments: str | Path, **more: str) -> str:
    """All that a command says."""
    done = subprocess.run(
        command(*arguments), env=environment(**more), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def files_with_secrets(folder: Path) -> list[str]:
    """Files below ``folder`` that hold one, by whatever name or kind."""
    return [str(path) for path in folder.rglob("*") if _holds_secret(path)]


def _holds_secret(path: Path) -> bool:
    if MARK in path.name:
        return True
    if path.is_symlink():
        return MARK in str(path.readlink())
    return path.is_file() and MARK.encode() in path.read_bytes()


@dataclass
class Watched:
    """A search that was run while its sockets were looked at."""

    workers: int
    folder: Path
    out: Path
    logs: Path
    words: str
    addresses: Mapping[str, set[str]]


@pytest.fixture(scope="module", params=[0, 2], ids=["local", "team"])
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """``animesearch run`` with secrets in its environment; Ray's own files are kept apart, in a
    folder of a short name, as the names of sockets are."""
    folder = tmp_path_factory.mktemp("private")
    logs = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    space = write_space(folder)
    workers = f"search.resources={{workers: {request.param}, concurrency: 1, cpu: 1}}"
    arguments = command("run", "--space", space, "--out", folder / "out",
                        "--set", "search.trials=2", "--set", workers)  # fmt: skip
    given = environment(ANIMESEARCH_CACHE=str(folder / "cache"), RAY_TMPDIR=str(logs))
    given.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", None)
    with (folder / "words.txt").open("w+") as words:
        running = subprocess.Popen(arguments, env=given, stdout=words, stderr=subprocess.STDOUT)
        addresses = _watch(running)
        words.seek(0)
        text = words.read()
    assert running.returncode == 0, text
    yield Watched(request.param, folder, folder / "out", logs, text, addresses)
    shutil.rmtree(logs, ignore_errors=True)


def _watch(running: subprocess.Popen[bytes]) -> dict[str, set[str]]:
    """Who listened where at any of many looks."""
    found: dict[str, set[str]] = {}
    deadline = time.monotonic() + DEADLINE_S
    while running.poll() is None:
        if time.monotonic() > deadline:
            running.terminate()
            running.wait()
            pytest.fail(f"the search took more than {DEADLINE_S} s")
        for address, names in listening(running.pid).items():
            found.setdefault(address, set()).update(names)
        time.sleep(LOOK_S)
    return found


@linux
@pytest.mark.slow
def test_a_search_listens_on_the_loopback_alone(watched: Watched) -> None:
    names = set().union(*watched.addresses.values())
    assert {"gcs_server", "raylet"} <= names, "the head's processes were found"
    assert any("RayTrain" in name for name in names) == (watched.workers > 0)
    outside = {a: who for a, who in watched.addresses.items() if a not in LOOPBACK}
    assert not outside


@pytest.mark.slow
def test_no_secret_is_written_or_said(watched: Watched) -> None:
    assert MARK not in watched.words
    report = watched.folder / "report.html"
    assert MARK not in said("report", watched.out, "-o", report)
    assert MARK not in said("rank", watched.out, "--json")
    assert report.is_file() and (watched.out / "run.json").is_file()
    assert any((watched.out / "tune").rglob("*")), "Tune's own files are looked at, too"
    assert any(watched.logs.rglob("*.log")) or any(watched.logs.rglob("*.out"))
    assert files_with_secrets(watched.folder) == []
    assert files_with_secrets(watched.logs) == []
    client = client_of(watched.out)
    for address in ("/runs/out/", "/runs/out/space", "/api/runs", "/api/runs/out/ranking",
                    "/api/runs/out/space", "/api/runs/out/trials/t0000"):  # fmt: skip
        assert MARK not in client.get(address).text


def test_the_look_for_secrets_finds_them(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.pkl").write_bytes(b"\0x" + SECRETS["HF_TOKEN"].encode() + b"\xff")
    (tmp_path / f"{MARK}.txt").touch()
    assert len(files_with_secrets(tmp_path)) == 2


def test_the_password_of_a_database_is_not_told(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    for url in ("postgresql://me@127.0.0.1:9/x", "mysql+nothing://me@127.0.0.1:9/x"):
        text = said("run", "--space", space, "--out", tmp_path / "out", "--set",
                    f"search.storage={url}")  # fmt: skip
        assert "search.storage" in text and "Traceback" not in text
        assert MARK not in text
    assert not (tmp_path / "out").exists()


def test_a_trials_failure_is_told_without_the_environments_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from animesearch.storage.faults import without_secrets

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    shown = ("AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "HF_TOKEN", "MY_OWN_SECRET", "MYSQL_PWD")
    text = " ".join(SECRETS[name] for name in shown)
    assert without_secrets(f"ValueError: {text} is false https://me:pw@host/x") == (
        "ValueError: *** *** *** *** *** is false https://***@host/x"
    )


@linux
def test_the_dashboard_listens_on_the_loopback_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run").path
    running = subprocess.Popen(
        command("dashboard", run, "--port", "0"),
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        assert "dashboard: http://127.0.0.1:" in running.stdout.readline()
        found = listening(running.pid)
    finally:
        running.terminate()
        running.wait()
    assert found and set(found) <= LOOPBACK
