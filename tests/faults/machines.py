"""A Ray cluster of several nodes on this machine, with GPUs that are not there."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from animesearch.tuning.attach import Cluster as Reached
from animesearch.tuning.cluster_session import QUIET, _attach

NODES = 3
DEADLINE_S = 120.0
SOON: dict[str, Any] = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}
"""The cluster knows within seconds that a node is gone; by default it takes a quarter minute."""
STORE = 80_000_000
"""Bytes of a node's object store."""


def until(reached: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
    """Look again and again whether ``reached``."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.02)


def until_gone(pids: Iterable[int], whose: str) -> None:
    """Wait for these processes to end; an error names those that do not."""
    left: list[int] = []

    def gone() -> bool:
        left[:] = [pid for pid in pids if alive(pid)]
        return not left

    try:
        until(gone, f"{whose} are gone")
    except AssertionError as error:
        raise AssertionError(f"{error}: {[command(pid) for pid in left]}") from None


def command(pid: int) -> str:
    """How a process was started, or what it calls itself."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits for its parent to look does not."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def descendants(pid: int) -> set[int]:
    """All processes below ``pid``."""
    running = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    above = {one: parent(one) for one in running}
    found, more = set[int](), {pid}
    while more:
        more = {one for one, over in above.items() if over in more} - found
        found |= more
    return found


class Machines:
    """The cluster, and this process as a driver of it."""

    def __init__(self, nodes: int = NODES, **head: Any) -> None:
        import ray
        from ray.cluster_utils import Cluster

        self._before = descendants(os.getpid())
        head = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": STORE, **head}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes: list[Any] = []
        for _ in range(nodes):
            self.add()
        self.address = str(self._cluster.address)
        dashboard = str(self._cluster.webui_url or "")
        if dashboard:  # workers of Ray Train need it, and are told where it is
            _attach(Reached(self.address, dashboard), nested=True)
        else:
            ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")

    def add(self) -> None:
        """Another node, with a GPU."""
        node = self._cluster.add_node(num_cpus=2, num_gpus=1, object_store_memory=STORE)
        self.nodes.append(node)
        self._cluster.wait_for_nodes()

    def lose(self, pid: int) -> None:
        """SIGKILL to the raylet of the node on which ``pid`` runs; its other processes go then."""
        node = next(one for one in self.nodes if parent(pid) == raylet(one))
        below = descendants(raylet(node))
        os.kill(raylet(node), signal.SIGKILL)
        until_gone(below, "the node's processes")
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        """Down with it; every process and every file in shared memory must be gone then."""
        import ray

        ours = descendants(os.getpid()) - self._before
        shared = shared_memory(ours)
        ray.shutdown()
        self._cluster.shutdown()
        until_gone(ours, "the cluster's processes")
        assert [name for name in shared if Path(name).exists()] == []


def raylet(node: Any) -> int:
    """The process of a node that starts all others there."""
    from ray._private.ray_constants import PROCESS_TYPE_RAYLET

    return int(node.all_processes[PROCESS_TYPE_RAYLET][0].process.pid)


def shared_memory(pids: set[int]) -> set[str]:
    """Files in /dev/shm that these processes have open and others could find."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # gone meanwhile
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found.add(str(handle.readlink()))
    return {name for name in found if name.startswith("/dev/shm/") and "(deleted)" not in name}


def nothing_held() -> bool:
    """Whether every CPU, GPU and byte of the stores is free, and no placement group stands."""
    import ray
    from ray.util import placement_group_table

    groups = {group["state"] for group in placement_group_table().values()}
    total, free = ray.cluster_resources(), ray.available_resources()
    kept = [
        name
        for name, amount in total.items()
        if name in ("CPU", "GPU") and free.get(name, 0.0) < amount
    ]
    store = total["object_store_memory"] - free.get("object_store_memory", 0.0)
    return groups <= {"REMOVED"} and not kept and store < 1e6


@contextmanager
def machines(nodes: int = NODES, **head: Any) -> Iterator[Machines]:
    """The cluster of a module of tests; ``head`` are options of its first node."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        found = Machines(nodes, **head)
        try:
            yield found
        finally:
            found.close()
