"""The sockets on which a process and its descendants listen, as Linux tells them."""

from __future__ import annotations

import contextlib
from pathlib import Path

LISTENING = "0A"
LOOPBACK = frozenset({"0100007F", "0" * 16 + "FFFF00000100007F", "0" * 24 + "01000000"})
"""127.0.0.1, the same as an IPv6 address, and ::1, as /proc/net writes them."""
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def listening(root: int) -> dict[str, set[str]]:
    """The addresses on which process ``root`` and all below it listen, and who does."""
    held = {socket: pid for pid in family(root) for socket in _sockets(pid)}
    found: dict[str, set[str]] = {}
    for table in TABLES:
        for line in table.read_text().splitlines()[1:]:
            words = line.split()
            owner = held.get(f"socket:[{words[9]}]")
            if words[3] == LISTENING and owner is not None:
                found.setdefault(words[1].partition(":")[0], set()).add(_name(owner))
    return found


def family(root: int) -> list[int]:
    """The process and its descendants."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    parents = {pid: _parent(pid) for pid in pids}
    return [pid for pid in pids if _descends(pid, root, parents)]


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid > 1 and pid != root:
        pid = parents.get(pid, 0)
    return pid == root


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # gone meanwhile
        return 0


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(handle.readlink()))
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"
