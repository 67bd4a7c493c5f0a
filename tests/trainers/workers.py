"""Jobs in several processes that exchange tensors through gloo, and what they give."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch.distributed import FileStore

from animesearch.trainers.together import Team, joined

PRELOADED = ["pytest", "torch._dynamo", "animesearch.trainers.loop", __name__]
"""What every job needs, imported once; the first optimiser of a process imports dynamo."""
DEADLINE = 120
"""Seconds after which a job counts as hung."""

Job = Callable[..., Any]


def together(size: int, job: Job, *args: Any) -> list[Any]:
    """``job(team, *args)`` in ``size`` fresh processes of one thread; the results by rank.

    An exception of any of them is raised here; a hang fails.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        ends, processes = [], []
        for rank in range(size):
            mine, theirs = context.Pipe(duplex=False)
            arguments = (theirs, Path(folder) / "store", rank, size, job, args)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            theirs.close()
            ends.append(mine)
            processes.append(process)
        try:
            return [_received(end, rank) for rank, end in enumerate(ends)]
        finally:
            for process in processes:
                process.kill()
                process.join()


def _received(end: Connection, rank: int) -> Any:
    if not end.poll(DEADLINE):
        raise AssertionError(f"worker {rank} hangs")
    found, error = pickle.loads(end.recv_bytes())
    if error is not None:
        raise error
    return found


def _work(end: Connection, store: Path, rank: int, size: int, job: Job, args: Any) -> None:
    torch.set_num_threads(1)
    try:
        shared = FileStore(str(store), size) if size > 1 else None
        with joined(shared, rank, size, "cpu") as team:
            _send(end, job(team, *args), None)
    except Exception as error:  # noqa: BLE001 - raised in the test
        _send(end, None, error)


def _send(end: Connection, found: Any, error: Exception | None) -> None:
    """As plain bytes: the pipe's own way lends memory of a process that is about to end."""
    end.send_bytes(pickle.dumps((found, error)))


def alone(job: Job, *args: Any) -> Any:
    """The same in one process."""
    (found,) = together(1, job, *args)
    return found


__all__ = ["Team", "alone", "together"]
