"""The way to the jobs of a cluster that a launcher file names: `ray up`, `ray dashboard`, and what
happens when they break."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from animesearch.cluster import address, operate
from animesearch.cluster import jobs as jobs_module
from animesearch.cluster.address import NoDashboardError
from animesearch.cluster.jobs import Jobs, LostClusterError, Tail
from animesearch.cluster.plain import Launcher, RayCommandError, job_command
from animesearch.cluster.submit import LauncherFile, Task
from animesearch.cluster.tunnel import Tunnel, free_port
from animesearch.errors import UserError

ROOT = Path(__file__).parents[2]
SSH = (
    "import os, pathlib, socket, sys\n"
    "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "pathlib.Path(sys.argv[2], 'ssh').write_text(str(os.getpid()))\n"
    "held = []\n"
    "while True:\n"
    "    one = server.accept()[0]\n"
    "    held.append(one) if sys.argv[3] == 'silent' else one.close()\n"
)
RAY = """#!{python}
import subprocess, sys
with open({folder!r} + "/calls", "a") as file:
    print(" ".join(sys.argv[1:]), file=file)
if sys.argv[1] == "dashboard":
    subprocess.run([sys.executable, "-c", {ssh!r}, sys.argv[-1], {folder!r}, {how!r}])
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a `ray` before all others whose tunnel is a process of its own, as with ssh; what comes
    through it is closed at once, or hears nothing where it is `silent`."""

    def put(how: str) -> Path:
        program = tmp_path / "ray"
        program.write_text(
            RAY.format(python=sys.executable, folder=str(tmp_path), ssh=SSH, how=how)
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        return tmp_path

    return put


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def lives(folder: Path) -> bool:
    """Whether the process behind the tunnel is there; a zombie of nobody's counts as gone."""
    try:
        stat = Path(f"/proc/{(folder / 'ssh').read_text()}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_tunnel_ends_with_all_that_it_started(install: Callable[[str], Path]) -> None:
    folder = install("closing")
    found = Tunnel(Launcher(Path("c.yaml")), free_port())
    found.ensure()
    found.ensure()  # does not start a second one
    assert lives(folder)
    found.close()
    until(lambda: not lives(folder))
    assert (folder / "calls").read_text().count("dashboard") == 1


def test_a_tunnel_that_ends_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ray"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('no head')\nsys.exit(4)\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RayCommandError, match="no head") as caught:
        Tunnel(Launcher(Path("c.yaml")), free_port()).ensure()
    assert caught.value.code == 4


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_ended_leaves_no_tunnel(
    install: Callable[[str], Path], ending: signal.Signals
) -> None:
    folder = install("silent")
    (folder / "cluster.yaml").write_text("cluster_name: x\nprovider: {type: aws}\n")
    command = [sys.executable, "-m", "animesearch", "status", "--cluster", "cluster.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stderr.readline() if process.stderr else ""
        assert "ray dashboard cluster.yaml" in line
        process.send_signal(ending)
        process.communicate(timeout=20)
    assert process.returncode == (130 if ending == signal.SIGINT else 128 + ending)
    until(lambda: not lives(folder))


def mission(folder: Path) -> operate.Mission:
    launcher = LauncherFile(folder / "cluster.yaml", token=False, runs=None, mounts={})
    return operate.Mission(Task("x", "name: x\n"), operate.Target(launcher), "s3://b/x", "job-1")


def test_a_head_is_restarted_only_where_no_ray_answers(
    install: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ray that runs may have other searches on it."""
    folder = install("closing")
    monkeypatch.setattr(operate, "HEAD_PATIENCE_S", 0.0)
    said: list[str] = []
    with pytest.raises(NoDashboardError):
        operate.submit(mission(folder), said.append, said.append)
    calls = [line.split()[:3] for line in (folder / "calls").read_text().splitlines()]
    assert calls[0] == ["up", "--yes", "--no-restart"]
    assert calls[1][0] == "dashboard"
    assert calls[2] == ["up", "--yes", str(folder / "cluster.yaml")]
    assert any("no Ray runs on the head yet" in line for line in said)


def test_what_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "ANSWER_PATIENCE_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(NoDashboardError, match="timed out"),
    ):
        Jobs(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_another_cluster_that_the_shell_was_set_up_for_is_not_spoken_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray's own client follows RAY_ADDRESS rather than the address that it is given."""
    heard: list[str] = []

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"{self.headers['Host']} {self.path}")
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *words: object) -> None:
            """Nothing."""

    with (
        HTTPServer(("127.0.0.1", 0), Silent) as ours,
        HTTPServer(("127.0.0.1", 0), Silent) as other,
    ):
        for server in (ours, other):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{other.server_port}")
        with pytest.raises(UserError):
            Jobs(f"http://127.0.0.1:{ours.server_port}")
        for server in (ours, other):
            server.shutdown()
    assert f"127.0.0.1:{ours.server_port} /api/version" in heard
    assert not [line for line in heard if f":{other.server_port} " in line]
    shown = str(job_command("list", "http://h:1", token=False))
    assert shown == "RAY_API_SERVER_ADDRESS='' RAY_ADDRESS='' ray job list --address http://h:1"


def test_a_log_that_is_read_anew_is_passed_on_once() -> None:
    said: list[str] = []
    tail = Tail(said.append)
    tail.take("one\ntw")
    tail.begin()
    tail.take("one\n")
    tail.take("two\nthree\n")
    tail.begin()
    tail.take("one\n")
    assert "".join(said) == "one\ntwo\nthree\n"


class Client:
    """Ray's, as far as jobs use it: each look at a job does what the next of ``answers`` says."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)

    def get_job_info(self, job_id: str) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        times = {"start_time": 1, "end_time": 2}
        return SimpleNamespace(
            submission_id=job_id,
            status=answer,
            message="",
            driver_exit_code=0,
            metadata={},
            **times,
        )

    def get_job_logs(self, job_id: str) -> str:
        return "one\ntwo\n"

    def stop_job(self, job_id: str) -> bool:
        return True

    def list_jobs(self) -> list[Any]:
        raise ConnectionError("Connection refused")

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        yield "one\n"


@pytest.fixture
def jobs_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Jobs]:
    monkeypatch.setattr(jobs_module, "POLL_S", 0.001)

    def made(*answers: str | Exception) -> Jobs:
        jobs = Jobs.__new__(Jobs)
        jobs.address, jobs._client = "http://h:1", Client(*answers)
        return jobs

    return made


def test_a_log_goes_on_after_a_tunnel_that_could_not_be_opened_at_once(
    jobs_of: Callable[..., Jobs],
) -> None:
    tries: list[int] = []
    said: list[str] = []

    def again() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise RayCommandError("ray dashboard", 255)

    gone = ConnectionError("Connection refused")
    seen = jobs_of(gone, gone, gone, "SUCCEEDED").follow("j", said.append, again)
    assert seen.code == 0 and len(tries) == 3
    assert "".join(said) == "one\ntwo\n"


def test_a_cluster_that_does_not_come_back_is_given_up(
    jobs_of: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "LOST_PATIENCE_S", 0.02)
    gone = ConnectionError("Connection refused")
    with pytest.raises(LostClusterError, match="may still run"):
        jobs_of(gone).follow("j", print)
    with pytest.raises(LostClusterError, match="may still run"):
        jobs_of(gone).stop("j")


def test_a_search_that_saves_is_waited_for_over_a_break(jobs_of: Callable[..., Jobs]) -> None:
    gone = ConnectionError("Connection refused")
    assert jobs_of("RUNNING", gone, gone, "RUNNING", "STOPPED").stop("j").state == "STOPPED"


def test_a_cluster_that_breaks_off_is_told_in_one_line(jobs_of: Callable[..., Jobs]) -> None:
    with pytest.raises(UserError, match="http://h:1: Connection refused"):
        jobs_of("RUNNING").choose(None)
