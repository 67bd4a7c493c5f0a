"""Submitting, watching and stopping a search: the order of the steps, each shown before it acts."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animesearch.cluster.address import NoDashboardError, checked_address
from animesearch.cluster.jobs import INTERRUPTED, Jobs, Seen, Write
from animesearch.cluster.plain import (
    DASHBOARD_PORT,
    Launcher,
    Plain,
    RayCommandError,
    job_command,
)
from animesearch.cluster.status import job_status
from animesearch.cluster.submit import LauncherFile, Task, make_order, submit_words
from animesearch.cluster.tunnel import tunnel
from animesearch.errors import UserError
from animesearch.storage.places import is_uri

Say = Callable[[str], None]
LOCAL_DASHBOARD = f"http://127.0.0.1:{DASHBOARD_PORT}"
HEAD_PATIENCE_S = 30.0
POLL_S = 1.0


@dataclass(frozen=True)
class Target:
    """A cluster: one of a launcher file, or the one whose dashboard is at ``address``."""

    launcher: LauncherFile | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if (self.launcher is None) == (self.address is None):
            raise UserError("give either --cluster FILE or --address http://HOST:8265")
        if self.address is not None:
            checked_address(self.address)

    @property
    def commands(self) -> Launcher | None:
        """Ray's launcher over the file, where there is one."""
        return Launcher(self.launcher.path, self.launcher.token) if self.launcher else None

    @property
    def token(self) -> bool:
        """Whether the file says that the cluster asks for a token."""
        return self.launcher is not None and self.launcher.token

    @property
    def option(self) -> str:
        """How a command names it."""
        if self.launcher is not None:
            return f"--cluster {self.launcher.path}"
        return f"--address {self.address}"


@dataclass(frozen=True)
class Link:
    """A connection to the jobs of a cluster; ``again`` mends what it goes through."""

    jobs: Jobs
    again: Callable[[], None] | None = None


@dataclass(frozen=True)
class Mission:
    """What ``submit`` is to do: the task, where, and what comes after."""

    task: Task
    target: Target
    place: str
    job_id: str
    detach: bool = False
    stop: bool = False


@contextmanager
def connected(target: Target, say: Say) -> Iterator[Link]:
    """The jobs of the cluster, through SSH where a launcher file names it."""
    if target.commands is None:
        yield Link(Jobs(target.address or LOCAL_DASHBOARD))
        return
    with tunnel(target.commands) as found:
        say(shown(found.command))
        yield Link(Jobs(found.address, target.token), found.ensure)


@contextmanager
def _started(target: Target, say: Say) -> Iterator[Link]:
    """As :func:`connected`, after ``ray up``.

    A Ray that runs is not restarted: other searches may run on it.  Where none answers on the
    head, because an earlier start got stuck half-way, there is nothing to lose.
    """
    commands = target.commands
    if commands is None:
        with connected(target, say) as link:
            yield link
        return
    _run([commands.up()], say)
    with tunnel(commands) as found:
        say(shown(found.command))
        try:
            jobs = _answering(found.address, target.token)
        except NoDashboardError as error:
            say(f"{error}: no Ray runs on the head yet")
            _run([commands.up(restart=True)], say)
            found.ensure()
            jobs = _answering(found.address, target.token)
        yield Link(jobs, found.ensure)


def _answering(address: str, token: bool) -> Jobs:
    """The jobs of a head that may have started just now."""
    end = time.monotonic() + HEAD_PATIENCE_S
    while True:
        try:
            return Jobs(address, token)
        except NoDashboardError:
            if time.monotonic() > end:
                raise
        time.sleep(POLL_S)


def steps(mission: Mission, files: Path) -> list[Plain]:
    """The plain Ray commands that :func:`submit` stands for, in their order."""
    commands, target = mission.target.commands, mission.target
    address = target.address or LOCAL_DASHBOARD
    order = make_order(mission.task, files, mission.place, mission.job_id)
    words = submit_words(order, mission.detach)
    found = [commands.up(), commands.dashboard(DASHBOARD_PORT)] if commands else []
    found.append(job_command("submit", address, target.token, *words))
    return [*found, *(_afterwards(mission) if mission.stop else [])]


def submit(mission: Mission, say: Say, write: Write) -> int:
    """Do it; the exit code of the search, 0 where it was left to run.

    Raises:
        RayCommandError: a command of Ray's failed.
        UserError: the cluster refuses the job.
        LostClusterError: it did not answer any more.
    """
    target = mission.target
    with tempfile.TemporaryDirectory() as folder, _started(target, say) as link:
        order = make_order(mission.task, Path(folder), mission.place, mission.job_id)
        words = submit_words(order, mission.detach)
        say(shown(job_command("submit", link.jobs.address, target.token, *words)))
        link.jobs.submit(order)
        say(f"job {order.job_id}; run {order.place}")
        if mission.detach:
            _say_commands(mission, say)
            return 0
        try:
            seen = link.jobs.follow(order.job_id, write, link.again)
        except KeyboardInterrupt:
            say("left alone; the search goes on:")
            _say_commands(mission, say)
            return INTERRUPTED
    say(ending(seen))
    if mission.stop:
        _finish(mission, say)
    return seen.code


def ending(seen: Seen) -> str:
    """How a job ended, in one line."""
    words = {"SUCCEEDED": "is done", "STOPPED": "was stopped"}.get(seen.state, "failed")
    code = f" (exit code {seen.code})" if seen.state == "FAILED" else ""
    return f"job {seen.job_id} {words}{code}; run {seen.place}"


def stop(target: Target, job_id: str | None, say: Say) -> int:
    """Stop the search, where one runs, then the machines, where a launcher file names them."""
    try:
        with connected(target, say) as link:
            _stop_job(link, target, job_id, say)
    except (UserError, RayCommandError) as error:
        if target.commands is None:
            raise
        say(f"no search could be stopped: {error}")
    if target.commands is not None:
        _run([target.commands.down()], say)
    return 0


def stop_steps(target: Target, job_id: str | None) -> list[Plain]:
    """The plain Ray commands that :func:`stop` stands for."""
    address = target.address or LOCAL_DASHBOARD
    commands = target.commands
    before = [commands.dashboard(DASHBOARD_PORT)] if commands else []
    after = [commands.down()] if commands else []
    return [*before, job_command("stop", address, target.token, job_id or "JOB"), *after]


def status(target: Target, job_id: str | None, say: Say) -> dict[str, Any]:
    """What :func:`~animesearch.cluster.status.job_status` tells of the job, else of the newest."""
    with connected(target, say) as link:
        say(shown(_look(link.jobs.address, target, job_id)))
        seen = link.jobs.choose(job_id)
        found = job_status(link.jobs, seen)
        if found["search"] is None:
            say(shown(job_command("logs", link.jobs.address, target.token, seen.job_id)))
        return found


def status_steps(target: Target, job_id: str | None) -> list[Plain]:
    """The plain Ray commands that :func:`status` stands for."""
    commands, address = target.commands, target.address or LOCAL_DASHBOARD
    before = [commands.dashboard(DASHBOARD_PORT)] if commands else []
    log = job_command("logs", address, target.token, job_id or "JOB")
    return [*before, _look(address, target, job_id), log]


def _look(address: str, target: Target, job_id: str | None) -> Plain:
    verb, words = ("status", [job_id]) if job_id else ("list", [])
    return job_command(verb, address, target.token, *words)


def shown(command: Plain) -> str:
    """A command as a line of the screen."""
    return f"$ {command}"


def _stop_job(link: Link, target: Target, job_id: str | None, say: Say) -> None:
    seen = link.jobs.choose(job_id)
    if seen.over:
        say(f"{ending(seen)}: nothing to stop")
        return
    say(shown(job_command("stop", link.jobs.address, target.token, seen.job_id)))
    say(f"{ending(link.jobs.stop(seen.job_id))}; go on with: animesearch resume")


def _say_commands(mission: Mission, say: Say) -> None:
    option, order = mission.target.option, mission
    say(f"  animesearch status {option}")
    if is_uri(order.place):
        say(f"  animesearch fetch {order.place} runs/{order.job_id}")
    elif mission.target.launcher is not None:
        say(f"  animesearch fetch '{order.place}' runs/{order.job_id} {option}")
    say(f"  animesearch submit --stop {option}")


def _afterwards(mission: Mission) -> list[Plain]:
    """Bring home what would go with the head, then stop the machines."""
    commands = mission.target.commands
    if commands is None:
        return []
    home = [] if is_uri(mission.place) else [commands.fetch(mission.place, _home(mission))]
    return [*home, commands.down()]


def _finish(mission: Mission, say: Say) -> None:
    """Where the copy fails the machines are left running: they have the only one."""
    if mission.target.commands is not None and not is_uri(mission.place):
        _home(mission).mkdir(parents=True, exist_ok=True)
    _run(_afterwards(mission), say)


def _home(mission: Mission) -> Path:
    return Path("runs") / mission.job_id


def _run(commands: Sequence[Plain], say: Say) -> None:
    for command in commands:
        say(shown(command))
        command.run()
