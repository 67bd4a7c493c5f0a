"""Memory of processes for ``data.py``, from /proc: proportional, so that sums are right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Bytes of some processes.

    ``anonymous``: what they allocated; ``shared``: blocks allocated to shared memory (the object
    store, touched by whomever); ``mapped``: the proportional part of mapped files that were asked
    for; ``code``: that of all other mapped files, which depends on who else has them mapped.
    """

    anonymous: int = 0
    shared: int = 0
    mapped: int = 0
    code: int = 0

    @property
    def data(self) -> int:
        """All but ``code``."""
        return self.anonymous + self.shared + self.mapped


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name stands in parentheses and may hold anything.
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(folder.name))
    found = [root]
    for number in found:
        found += children.get(number, [])
    return found


def usage(processes: Iterable[int], below: Path | None = None) -> Usage:
    """Of the processes; files below ``below`` that they map count as ``mapped``.

    The object store hands its pages on without dropping them, and maps them into processes that
    never touch them: neither sum of the processes has them all, so the file's blocks are counted.
    """
    anonymous = mapped = files = shared = 0
    stores: dict[tuple[int, int], int] = {}
    for number in processes:
        with contextlib.suppress(OSError):  # gone meanwhile
            rollup = _fields((PROC / str(number) / "smaps_rollup").read_text())
            here = _mapped(number, below) if below is not None else 0
            anonymous += rollup["Pss_Anon"]
            shared += rollup["Pss_Shmem"]
            files += rollup["Pss_File"]
            mapped += here
            stores |= _stores(number)
    return Usage(anonymous, max(shared, sum(stores.values())), mapped, files - mapped)


def _fields(text: str) -> dict[str, int]:
    rows = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}


def _mapped(number: int, below: Path) -> int:
    """The proportional size of the mappings of files below a folder."""
    found, counts = 0, False
    # Names alone are cheap to read; sizes make the kernel walk through the page tables.
    if f"{below}/" not in (PROC / str(number) / "maps").read_text(errors="replace"):
        return 0
    for line in (PROC / str(number) / "smaps").read_text(errors="replace").splitlines():
        words = line.split(maxsplit=5)
        if not words[0].endswith(":"):
            counts = len(words) == 6 and words[5].startswith(f"{below}/")
        elif counts and words[0] == "Pss:":
            found += int(words[1]) * 1024
    return found


def _stores(number: int) -> dict[tuple[int, int], int]:
    """Allocated bytes of each file of shared memory that the process holds open."""
    found = {}
    for handle in (PROC / str(number) / "fd").iterdir():
        with contextlib.suppress(OSError):
            if str(handle.readlink()).startswith("/dev/shm/"):
                status = handle.stat()
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found
