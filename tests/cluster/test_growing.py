"""A search on a cluster without machines: Ray's autoscaler starts them."""

from __future__ import annotations

import contextlib
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
import yaml

from animesearch.cluster.tunnel import free_port
from animesearch.results.folder import RunFolder
from tests.listening import family
from tests.tuning.small import write_space

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
CLUSTER = {
    "cluster_name": "fake",
    "max_workers": 2,
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 0.1,
    "auth": {},
    "available_node_types": {
        "head": {"resources": {}, "node_config": {}, "max_workers": 0},
        "worker": {
            "resources": {"CPU": 1},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 2,
        },
    },
    "head_node_type": "head",
    "docker": {},
    "file_mounts": {},
    "cluster_synced_files": [],
    "file_mounts_sync_continuously": False,
    "initialization_commands": [],
    "setup_commands": [],
    "head_setup_commands": [],
    "worker_setup_commands": [],
    "head_start_ray_commands": [],
    "worker_start_ray_commands": [],
    "rsync_exclude": [],
    "rsync_filter": [],
}
"""Machines of one CPU, which are processes on this one."""


@dataclass(frozen=True)
class Growing:
    """A head without CPUs whose autoscaler may start two machines."""

    process: subprocess.Popen[bytes]
    gcs: str
    environment: dict[str, str]

    def machines(self) -> int:
        """How many there are now, without the head: raylets, for a while at least, since what one
        of them forks is called so too at first."""
        before = self.raylets()
        time.sleep(1)
        return len(before & self.raylets()) - 1

    def raylets(self) -> set[int]:
        return {pid for pid in family(self.process.pid) if name_of(pid) == "raylet"}

    def until(self, condition: Callable[[], object], seconds: float = 200.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, "the head has ended"
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.5)


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(secrets.token_hex(16))
    gcs, dashboard, client, agent = (free_port() for _ in range(4))
    provider = {
        "type": "fake_multinode",
        "gcs_address": f"127.0.0.1:{gcs}",
        "disable_node_updaters": True,  # there is nobody to log in to
    }
    config = tmp_path / "cluster.yaml"
    config.write_text(yaml.safe_dump({**CLUSTER, "provider": provider}))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        **{"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        **{"RAY_AUTH_MODE": "token", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
        **{"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"},
        # A machine that is busy with other tests is no dead one.
        **{"RAY_raylet_start_wait_time_s": "180", "AUTOSCALER_HEARTBEAT_TIMEOUT_S": "300"},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    # A short folder: the sockets in it must have short names.
    folder = Path(tempfile.mkdtemp(prefix="r"))
    command = [
        *("ray", "start", "--head", "--block", "--disable-usage-stats", "--num-cpus=0"),
        *(f"--port={gcs}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
        *(f"--ray-client-server-port={client}", f"--dashboard-agent-listen-port={agent}"),
        f"--autoscaling-config={config}",
    ]
    log = tmp_path / "head.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    found = Growing(process, f"127.0.0.1:{gcs}", environment)
    try:
        found.until(lambda: "--block" in log.read_text())
        yield found
    finally:
        started = family(process.pid)  # its machines are no children of `ray start` itself
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:  # gone meanwhile
        return ""


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_a_cluster_grows_for_a_search(growing: Growing, tmp_path: Path) -> None:
    write_space(tmp_path)
    settings = ("search.trials=2", "search.resources={concurrency: 2, cpu: 1}")
    command = [
        *(sys.executable, "-m", "animesearch", "run", "--space", "small.yaml", "--out", "run"),
        *("--address", growing.gcs, "--expect-cpus", "2"),
        *(word for setting in settings for word in ("--set", setting)),
    ]
    log, most = tmp_path / "run.log", 0
    growing.until(lambda: growing.machines() == 0)
    with log.open("w") as output:
        search = subprocess.Popen(
            command, cwd=tmp_path, env=growing.environment, stdout=output, stderr=output
        )
    try:
        end = time.monotonic() + 300
        while search.poll() is None:
            most = max(most, growing.machines())
            assert time.monotonic() < end, log.read_text()
    finally:
        search.kill()
    said = " ".join(log.read_text().split())
    assert search.returncode == 0, log.read_text()
    assert (
        f"cluster {growing.gcs}: 0 CPU, 0 GPU now; planned for 2 CPU, 0 GPU = 2 x {{1 CPU}}, as "
        "--expect-cpus and --expect-gpus say"
    ) in said
    state = RunFolder.open(tmp_path / "run").state()
    assert state.outcome == "complete" and not state.by_state("failed")
    assert most >= 2, "one for each trial; one that goes may still be there when the next has come"
