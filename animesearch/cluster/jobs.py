"""A search as a Ray job: submitted to a live cluster, followed, stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animesearch.cluster.address import NoDashboardError, checked_address, require_answer
from animesearch.cluster.plain import ELSEWHERE, RayCommandError
from animesearch.cluster.token import token_headers
from animesearch.errors import AnimesearchError, UserError

MARK = "animesearch"
"""Key of a job's metadata by which our jobs are known; its value is the version."""
RUN = "run"
NAME = "search"
STOP_PATIENCE_S = 60
"""Seconds that a stopped search has for its last checkpoints and records."""
LOST_PATIENCE_S = 300.0
AGENT_PATIENCE_S = 120.0
NO_AGENT = "No available agent"
POLL_S = 1.0
INTERRUPTED = 130

Write = Callable[[str], None]


class LostClusterError(AnimesearchError):
    """A cluster that answered once and does not any more; its job may still run."""


@dataclass(frozen=True)
class Order:
    """What is submitted: a folder of files, the command to run in it, and what is known of it.

    ``place`` is where the run will lie.
    """

    job_id: str
    files: Path
    entrypoint: str
    name: str
    place: str
    version: str
    environment: Mapping[str, str] = field(
        default_factory=lambda: {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_PATIENCE_S)}
    )

    @property
    def metadata(self) -> dict[str, str]:
        """What Ray keeps of it, for ``status``."""
        return {MARK: self.version, NAME: self.name, RUN: self.place}

    @property
    def runtime_env(self) -> dict[str, Any]:
        """As Ray wants it."""
        return {"working_dir": str(self.files), "env_vars": dict(self.environment)}


@dataclass(frozen=True)
class Seen:
    """A job as the cluster tells it; times in seconds since the epoch, None for what is unknown."""

    job_id: str
    state: str
    message: str = ""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    name: str = ""
    place: str = ""

    @property
    def over(self) -> bool:
        """Whether it will not run any more."""
        return self.state in {"SUCCEEDED", "FAILED", "STOPPED"}

    @property
    def code(self) -> int:
        """The exit code of a command that followed it to the end."""
        if self.state == "SUCCEEDED":
            return 0
        return INTERRUPTED if self.state == "STOPPED" else self.exit_code or 1


class Jobs:
    """The jobs of the cluster whose dashboard is at ``address`` (``http://127.0.0.1:8265``).

    Raises :class:`UserError` where no dashboard answers or the token is refused.
    """

    def __init__(self, address: str, token: bool = False) -> None:
        from ray.job_submission import JobSubmissionClient

        self.address = checked_address(address)
        headers = token_headers(token)
        require_answer(self.address)
        try:
            with _unset(*ELSEWHERE):
                self._client = JobSubmissionClient(self.address, headers=headers)
            self._client.get_version()
        except Exception as error:
            raise _unreachable(self.address, error) from error

    def submit(self, order: Order) -> None:
        """Upload the files and start the command.

        A head answers some seconds before it can take jobs, so that refusal is waited out.
        """
        end = time.monotonic() + AGENT_PATIENCE_S
        while not self._taken(order, last=time.monotonic() >= end):
            time.sleep(POLL_S)

    def _taken(self, order: Order, last: bool) -> bool:
        try:
            self._client.submit_job(
                entrypoint=order.entrypoint,
                submission_id=order.job_id,
                runtime_env=order.runtime_env,
                metadata=order.metadata,
            )
        except (RuntimeError, ValueError, OSError) as error:
            if NO_AGENT in str(error) and not last:
                return False
            raise UserError(f"{self.address} refused the job: {_last_line(error)}") from error
        return True

    def see(self, job_id: str) -> Seen:
        """The job as it is now; :class:`UserError` for one that the cluster does not know."""
        try:
            return _seen(self._client.get_job_info(job_id))
        except RuntimeError as error:
            raise UserError(f"no job {job_id} at {self.address}: {_last_line(error)}") from error

    def ours(self) -> list[Seen]:
        """The searches that were submitted to this cluster, the newest first."""
        with self._asking():
            jobs = self._client.list_jobs()
        found = [job for job in jobs if MARK in (job.metadata or {})]
        return sorted((_seen(job) for job in found), key=lambda job: -(job.started or 0.0))

    def choose(self, job_id: str | None) -> Seen:
        """The job of that name, else the newest search; :class:`UserError` where there is none."""
        if job_id is not None:
            return self.see(job_id)
        if found := self.ours():
            return found[0]
        raise UserError(f"no search was submitted to {self.address}; ray job list shows all jobs")

    def log(self, job_id: str) -> str:
        """All that it has printed so far."""
        with self._asking():
            return str(self._client.get_job_logs(job_id))

    def stop(self, job_id: str) -> Seen:
        """Ask it to end, and wait until it has; it may write what a resumed search needs.

        Raises:
            LostClusterError: it did not end, or the cluster did not answer any more.
        """
        with self._asking():
            self._client.stop_job(job_id)
        end = time.monotonic() + STOP_PATIENCE_S + LOST_PATIENCE_S
        lost_since = None
        while True:
            try:
                if (seen := _seen(self._client.get_job_info(job_id))).over:
                    return seen
                lost_since = None
            except (OSError, RuntimeError) as fault:
                lost_since = self._still_patient(lost_since, fault)
            if time.monotonic() > end:
                raise LostClusterError(f"job {job_id} does not end; see {self.address}")
            time.sleep(POLL_S)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A cluster that stops answering in between is told like one that never did."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise UserError(f"{self.address}: {_last_line(error)}") from error

    def follow(self, job_id: str, write: Write, again: Callable[[], None] | None = None) -> Seen:
        """Write the job's log as it grows, until the job is over.

        A connection that breaks is taken up again where it was, for ``LOST_PATIENCE_S`` seconds;
        ``again`` is called before each try.

        Raises:
            LostClusterError: the cluster did not come back.
        """
        import aiohttp

        tail, lost_since = Tail(write), None
        while True:
            try:
                asyncio.run(self._tail(job_id, tail))
                seen = _seen(self._client.get_job_info(job_id))
                lost_since = None
                if seen.over:
                    return self._rest(seen, tail)
            except (OSError, RuntimeError, aiohttp.ClientError) as fault:
                lost_since = self._still_patient(lost_since, fault)
                _mend(again)
            time.sleep(POLL_S)

    def _rest(self, seen: Seen, tail: Tail) -> Seen:
        """Lines between the last look at the log and the job's end."""
        tail.begin()
        tail.take(str(self._client.get_job_logs(seen.job_id)))
        return seen

    async def _tail(self, job_id: str, tail: Tail) -> None:
        tail.begin()
        async for chunk in self._client.tail_job_logs(job_id):
            tail.take(chunk)

    def _still_patient(self, since: float | None, fault: Exception) -> float:
        now = time.monotonic()
        if since is not None and now - since > LOST_PATIENCE_S:
            raise LostClusterError(
                f"{self.address} has not answered for {LOST_PATIENCE_S:.0f} s "
                f"({_last_line(fault)}); the search may still run"
            ) from fault
        return now if since is None else since


class Tail:
    """Passes a log on, which is read from its beginning anew after each break."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._written = 0
        self._read = 0

    def begin(self) -> None:
        """The log comes from its first character again."""
        self._read = 0

    def take(self, chunk: str) -> None:
        """Pass on what of ``chunk`` has not been passed on before."""
        fresh = chunk[max(0, self._written - self._read) :]
        self._read += len(chunk)
        self._written = max(self._written, self._read)
        if fresh:
            self._write(fresh)


@contextmanager
def _unset(*names: str) -> Iterator[None]:
    """Inside, these variables of the environment are not there."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _mend(again: Callable[[], None] | None) -> None:
    """A tunnel that cannot be opened now (a laptop without a network) is tried again, too."""
    if again is not None:
        with suppress(RayCommandError):
            again()


def _seen(job: Any) -> Seen:
    metadata = job.metadata or {}
    return Seen(
        job_id=str(job.submission_id or job.job_id),
        state=str(getattr(job.status, "value", job.status)),
        message=job.message or "",
        exit_code=job.driver_exit_code,
        started=_seconds(job.start_time),
        ended=_seconds(job.end_time),
        name=metadata.get(NAME, ""),
        place=metadata.get(RUN, ""),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None


def _unreachable(address: str, error: Exception) -> UserError:
    """Ray raises exceptions of several libraries for it, AuthenticationError among them."""
    if type(error).__name__ == "AuthenticationError":
        return UserError(
            f"the cluster at {address} refuses the token or asks for one: set RAY_AUTH_MODE=token, "
            "with its token in ~/.ray/auth_token, RAY_AUTH_TOKEN_PATH or RAY_AUTH_TOKEN"
        )
    return NoDashboardError(f"no Ray dashboard answers at {address}: {_last_line(error)}")


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
