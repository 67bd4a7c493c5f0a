"""Where the Ray of a single-machine run listens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTENING = "0A"
PROBE = f"""
import contextlib
import os
from pathlib import Path

from animesearch.tuning.cluster_session import ray_session


def parent(pid):
    try:
        return int(Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def ours(pid):
    while pid > 1 and pid != os.getpid():
        pid = parent(pid)
    return pid == os.getpid()


def sockets(pid):
    found = set()
    with contextlib.suppress(OSError):  # a process or a handle that is gone meanwhile
        for handle in os.listdir(f"/proc/{{pid}}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{{pid}}/fd/{{handle}}"))
    return found


with ray_session():
    import ray

    ray.get(ray.remote(num_cpus=1)(lambda: os.getpid()).remote())
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    held = {{name for pid in pids if ours(pid) for name in sockets(pid)}}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "{LISTENING}" and f"socket:[{{words[9]}}]" in held:
                print("listens", words[1].partition(":")[0])
"""
LOOPBACK = {"0100007F", "0" * 16 + "FFFF00000100007F", "0" * 24 + "01000000"}
"""127.0.0.1, the same as an IPv6 address, and ::1, as /proc/net writes them."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux' tables of sockets")
def test_nothing_listens_beyond_this_machine() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", None)
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    addresses = [line.split()[1] for line in done.stdout.splitlines() if "listens" in line]
    assert len(addresses) >= 4, "the head's processes were found"
    assert set(addresses) <= LOOPBACK
