"""A Ray cluster of several nodes on this machine, with GPUs that are not there."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from animesearch.tuning.cluster_session import QUIET

NODES = 3
DEADLINE_S = 120.0
STORE = 80_000_000
"""Bytes of a node's object store."""


def until(reached: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
    """Look again and again whether ``reached``."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.02)


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

    def __init__(self) -> None:
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": STORE}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes: list[Any] = []
        for _ in range(NODES):
            self.add()
        self.address = str(self._cluster.address)
        ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")

    def add(self) -> None:
        """Another node, with a GPU."""
        node = self._cluster.add_node(num_cpus=2, num_gpus=1, object_store_memory=STORE)
        self.nodes.append(node)
        self._cluster.wait_for_nodes()

    def close(self) -> None:
        """Down with it; every process and every file in shared memory must be gone then."""
        import ray

        ours, shared = descendants(os.getpid()), shared_memory(descendants(os.getpid()))
        ray.shutdown()
        self._cluster.shutdown()
        until(lambda: not any(alive(pid) for pid in ours), "every process of the cluster is gone")
        assert [name for name in shared if Path(name).exists()] == []


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
def machines() -> Iterator[Machines]:
    """The cluster of a module of tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        found = Machines()
        try:
            yield found
        finally:
            found.close()
