"""A search on a live cluster: one local head, jobs through its dashboard, and attaching to it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from animesearch.cluster.tunnel import free_port
from animesearch.results.folder import RunFolder
from tests.tuning.small import SPACE, write_space

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
LONG = SPACE.replace("images: 512", "images: 400000").replace("trials: 4", "trials: 40")


@dataclass(frozen=True)
class Head:
    """A head on this machine: a token, two CPUs, its own folder and ports."""

    gcs: str
    dashboard: str
    environment: dict[str, str]

    def run(
        self, folder: Path, *words: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "animesearch", *words],
            cwd=folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def status(self, folder: Path) -> dict[str, object]:
        done = self.run(folder, "status", "--address", self.dashboard, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found


def until(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


def ask(head: Head, folder: Path) -> str:
    """What a head without a search answers, once it is up."""
    return head.run(folder, "status", "--address", head.dashboard).stderr


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    home = tmp_path_factory.mktemp("home")
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(secrets.token_hex(16))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        **{"HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        **{"RAY_AUTH_MODE": "token", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    gcs, dashboard, client, agent = (free_port() for _ in range(4))
    # A short folder: the sockets in it must have short names.
    folder = Path(tempfile.mkdtemp(prefix="r"))
    command = [
        *("ray", "start", "--head", "--block", "--disable-usage-stats", "--num-cpus=2"),
        *(f"--port={gcs}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
        *(f"--ray-client-server-port={client}", f"--dashboard-agent-listen-port={agent}"),
    ]
    log = (home / "head.log").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    found = Head(f"127.0.0.1:{gcs}", f"http://127.0.0.1:{dashboard}", environment)
    try:
        until(lambda: "no search was submitted" in ask(found, home))
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_search_is_submitted_followed_and_read(head: Head, tmp_path: Path) -> None:
    write_space(tmp_path)
    out = tmp_path / "run"
    done = head.run(
        tmp_path,
        *("submit", "--space", "small.yaml", "--address", head.dashboard),
        *("--out", str(out), "--set", "search.trials=2"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ ray job submit --address" in done.stderr
    assert "search complete" in done.stdout
    assert done.stdout.count("search complete") == 1, "the log is passed on once"
    assert RunFolder.open(out).state().outcome == "complete"
    found = head.status(tmp_path)
    assert found["state"] == "SUCCEEDED"
    assert found["search"]["outcome"] == "complete"  # type: ignore[index]


def test_the_exit_code_of_the_search_is_ours(head: Head, tmp_path: Path) -> None:
    write_space(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = head.run(
        tmp_path,
        *("submit", "--space", "small.yaml", "--address", head.dashboard),
        *("--out", str(tmp_path / "taken")),
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "is not empty" in done.stdout


def test_a_detached_search_is_stopped_in_order(head: Head, tmp_path: Path) -> None:
    write_space(tmp_path, LONG)
    out = tmp_path / "run"
    done = head.run(
        tmp_path,
        *("submit", "--space", "small.yaml", "--address", head.dashboard),
        *("--out", str(out), "--detach"),
    )
    assert done.returncode == 0, done.stderr
    until(lambda: bool((head.status(tmp_path)["search"] or {}).get("states")))  # type: ignore[attr-defined]
    stopped = head.run(tmp_path, "submit", "--stop", "--address", head.dashboard)
    assert stopped.returncode == 0, stopped.stderr
    assert "was stopped" in stopped.stderr
    assert RunFolder.open(out).state().outcome == "interrupted", "it had time to write its end"
    assert head.status(tmp_path)["state"] == "STOPPED"


def test_a_wrong_token_is_refused(head: Head, tmp_path: Path) -> None:
    done = head.run(tmp_path, "status", "--address", head.dashboard, RAY_AUTH_TOKEN="0" * 32)
    assert done.returncode == 2
    assert "refuses the token" in done.stderr
    words = ("run", "--space", "progan", "--address", head.gcs)
    without = head.run(tmp_path, *words, RAY_AUTH_MODE="disabled")
    assert without.returncode == 2
    assert "asks for its token" in without.stderr


def test_run_attaches_and_leaves_the_cluster_running(head: Head, tmp_path: Path) -> None:
    write_space(tmp_path)
    done = head.run(
        tmp_path,
        *("run", "--space", "small.yaml", "--address", head.gcs, "--out", "run"),
        *("--set", "search.trials=2"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cluster {head.gcs}: 2 CPU, 0 GPU now" in done.stdout
    assert RunFolder.open(tmp_path / "run").state().outcome == "complete"
    assert head.status(tmp_path)["job"], "the head still answers"
