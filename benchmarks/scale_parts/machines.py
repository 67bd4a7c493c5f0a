"""A Ray cluster of several nodes on this machine, with GPUs that are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NODES, GPUS = 8, 4
STORE = 80_000_000
"""Bytes of a node's object store."""


@contextmanager
def cluster(nodes: int = NODES, gpus: int = GPUS) -> Iterator[int]:
    """``nodes`` nodes of ``gpus`` GPUs each and as many cores beside a head that trains nothing.

    Yields the trials that it takes at a time; this process is its driver.
    """
    from animesearch.tuning.cluster_session import QUIET

    os.environ.update(QUIET)
    import ray
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": STORE, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        for _ in range(nodes):
            found.add_node(num_cpus=gpus, num_gpus=gpus, **small)
        found.wait_for_nodes()
        ray.init(address=str(found.address), log_to_driver=False, logging_level="ERROR")
        yield nodes * gpus
    finally:
        ray.shutdown()
        found.shutdown()


def descendants(pid: int) -> set[int]:
    """All processes below ``pid``."""
    above = {one: parent for one in _running() if (parent := _parent(one))}
    found, more = set[int](), {pid}
    while more:
        more = {one for one, over in above.items() if over in more} - found
        found |= more
    return found


def _running() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields behind the name; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def processor_seconds(pids: set[int]) -> float:
    """Processor time that these processes have had so far, and children of theirs that ended."""
    stats = [fields for pid in pids if (fields := _stat(pid))]
    ticks = sum(int(field) for fields in stats for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak() -> float:
    """MB of memory that this process had at the most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1e3
