"""The commands ``animesearch submit`` and ``animesearch status``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animesearch.commands.options import (
    ExpectCpusOption,
    ExpectGpusOption,
    JsonOption,
    PluginOption,
    print_json,
)
from animesearch.errors import UserError, printable

if TYPE_CHECKING:
    from animesearch.cluster.operate import Mission, Target
    from animesearch.cluster.plain import Plain
    from animesearch.cluster.submit import LauncherFile, Task
    from animesearch.tuning.prepare import Search

FAULT = 1

ClusterOption = Annotated[
    Path | None,
    typer.Option("--cluster", metavar="FILE", help="A Ray cluster launcher file: cluster.yaml."),
]
DashboardOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="A cluster that is up: its dashboard, such as http://127.0.0.1:8265.",
    ),
]
JobOption = Annotated[
    str | None, typer.Option("--job", metavar="ID", help="Job; default: the newest search.")
]
PrintOption = Annotated[
    bool,
    typer.Option(
        "--print-only",
        "--dry-run",
        help="Print the plain Ray commands that this stands for, and start nothing.",
    ),
]


def submit(  # noqa: PLR0913, PLR0917 - one parameter per option
    space: Annotated[
        str | None,
        typer.Option("--space", metavar="FILE", help="A space file, or a shipped one's name."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with a run instead: s3://bucket/runs/x."),
    ] = None,
    cluster: ClusterOption = None,
    address: DashboardOption = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=C", help="Override a value of the space; repeatable."),
    ] = None,
    plugins: PluginOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Run: a URI, or an absolute folder that all machines share. Default: below the "
            "ANIMESEARCH_RUNS of the cluster file; with --address in the head's home.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once the job is submitted.")
    ] = False,
    stop: Annotated[
        bool,
        typer.Option(
            "--stop",
            help="With --space: stop the machines of --cluster when the search has ended. Alone: "
            "stop the search that runs, then the machines.",
        ),
    ] = False,
    job: JobOption = None,
    expect_cpus: ExpectCpusOption = None,
    expect_gpus: ExpectGpusOption = None,
    print_only: PrintOption = False,
) -> None:
    """Send a search to a cluster as a Ray job, and follow its log.

    With --cluster: `ray up`, the job, with --stop `ray down`. The space and the cluster file are
    checked before anything starts. The exit code is the search's; Ctrl-C leaves it running.
    """
    target = _target(cluster, address)
    if space is None and resume is None:
        if not stop:
            raise UserError("give --space FILE, or --resume RUN, or --stop to stop a search")
        _stop(target, job, print_only)
    if space is not None and resume is not None:
        raise UserError("--space begins a search and --resume goes on with one: give one of them")
    expects = _expects(expect_cpus, expect_gpus)
    task = (
        _resumed(resume, out, expects)
        if resume is not None
        else _begun(space or "", overrides or [], plugins or [], expects)
    )
    mission = _mission(task, target, out, detach, stop)
    raise typer.Exit(_print(mission) if print_only else _submit(mission))


def status(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run folder, or a run's URI.")
    ] = None,
    cluster: ClusterOption = None,
    address: DashboardOption = None,
    job: JobOption = None,
    as_json: JsonOption = False,
    print_only: PrintOption = False,
) -> None:
    """Tell how far a search is: trials, the best, the last event; with a cluster also its job."""
    from animesearch.cluster.status import job_lines, run_lines, run_status

    if run is not None:
        if cluster is not None or address is not None:
            raise UserError("give RUN, or --cluster or --address to find it by its job")
        if print_only:
            raise UserError("no command of Ray's stands for reading a run; leave --print-only out")
        found = run_status(run)
        _tell(found, run_lines(found), as_json)
        return
    from animesearch.cluster.operate import status as look
    from animesearch.cluster.operate import status_steps
    from animesearch.cluster.plain import RayCommandError

    target = _target(cluster, address)
    if print_only:
        _show(status_steps(target, job))
        return
    try:
        found = look(target, job, _say)
    except RayCommandError as error:
        raise typer.Exit(_failed(error, error.code)) from error
    _tell(found, job_lines(found), as_json)


def _show(commands: Iterable[Plain]) -> None:
    for command in commands:
        typer.echo(command)


def from_head(cluster: Path, place: str, folder: Path, print_only: bool) -> None:
    """``fetch --cluster``: copy a folder of the head's disk, by Ray's own means."""
    from animesearch.cluster.operate import shown
    from animesearch.cluster.plain import Launcher, RayCommandError
    from animesearch.cluster.submit import read_launcher
    from animesearch.results.folder import RunFolder
    from animesearch.storage.places import is_uri

    if is_uri(place) or not place.startswith(("/", "~/")):
        raise UserError(f"{place}: --cluster is for an absolute folder of the head, or ~/...")
    launcher = read_launcher(cluster)
    command = Launcher(cluster, launcher.token).fetch(place.rstrip("/"), folder)
    if print_only:
        typer.echo(command)
        return
    RunFolder.create(folder)
    _say(shown(command))
    try:
        command.run()
    except RayCommandError as error:
        raise typer.Exit(_failed(error, error.code)) from error


def _tell(found: dict[str, object], lines: list[str], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for line in lines:
        typer.echo(line)


def _target(cluster: Path | None, address: str | None) -> Target:
    from animesearch.cluster.operate import Target
    from animesearch.cluster.submit import read_launcher

    return Target(read_launcher(cluster) if cluster is not None else None, address)


def _begun(space: str, overrides: list[str], plugins: list[Path], expects: tuple[str, ...]) -> Task:
    """The space, checked as ``run`` would."""
    from animesearch.cluster.submit import Task
    from animesearch.plugins import load_plugins
    from animesearch.tuning.prepare import load_search

    search = load_search(space, overrides, load_plugins(plugins))
    _require_visible_images(search)
    return Task(
        search.config.name, search.space.text, tuple(overrides), tuple(plugins), expects=expects
    )


def _require_visible_images(search: Search) -> None:
    """A path that only means something here would be looked for in the job's own folder."""
    from animesearch.storage.places import is_uri

    path = getattr(search.config.dataset.source, "path", None)
    if path is None or is_uri(str(path)):
        return
    if not str(path).startswith("/"):
        raise UserError(
            f"dataset.source {path}: the machines of a cluster do not see folders of this one; "
            "give a URI (s3://bucket/images), or an absolute folder that all of them share"
        )
    _say(f"dataset.source {path} must be the same folder on all machines of the cluster")


def _resumed(run: str, out: str | None, expects: tuple[str, ...]) -> Task:
    from animesearch.cluster.submit import Task, seen_by_job

    if out is not None:
        raise UserError("--out goes with --space: a resumed run stays where it is")
    return Task("resume", resume=seen_by_job("--resume", run), expects=expects)


def _expects(cpus: float | None, gpus: float | None) -> tuple[str, ...]:
    told = (("--expect-cpus", cpus), ("--expect-gpus", gpus))
    return tuple(word for name, n in told if n is not None for word in (name, f"{n:g}"))


def _mission(task: Task, target: Target, out: str | None, detach: bool, stop: bool) -> Mission:
    """Everything that can be refused without a cluster is refused here."""
    from animesearch.cluster.operate import Mission
    from animesearch.cluster.submit import new_job_id, place_of_run

    if detach and stop:
        raise UserError("--detach does not wait for the end, at which --stop would act: give one")
    if stop and target.launcher is None:
        raise UserError("--stop with --address: machines that were not started here stay up")
    job_id = new_job_id(task.name, datetime.now().astimezone())
    place = task.resume or place_of_run(out, target.launcher, job_id)
    if target.launcher is not None:
        _require_sound(target.launcher)
    return Mission(task, target, place, job_id, detach, stop)


def _require_sound(launcher: LauncherFile) -> None:
    from animesearch.cluster.submit import told
    from animesearch.cluster.token import token_headers
    from animesearch.cluster.validate import validate_cluster

    if problems := validate_cluster(launcher.path):
        raise UserError(told(launcher.path, problems))
    launcher.require_files()
    token_headers(launcher.token)


def _print(mission: Mission) -> int:
    from animesearch.cluster.operate import steps

    files = Path(tempfile.mkdtemp(prefix="animesearch-job-"))
    _say(f"# the job's files were put into {files}, which stays; nothing was started")
    _show(steps(mission, files))
    return 0


def _submit(mission: Mission) -> int:
    from animesearch.cluster.jobs import LostClusterError
    from animesearch.cluster.operate import submit as act
    from animesearch.cluster.plain import RayCommandError

    try:
        return act(mission, _say, _write)
    except RayCommandError as error:
        return _failed(error, error.code)
    except LostClusterError as error:
        return _failed(error, FAULT)


def _stop(target: Target, job: str | None, print_only: bool) -> None:
    from animesearch.cluster.jobs import LostClusterError
    from animesearch.cluster.operate import stop, stop_steps
    from animesearch.cluster.plain import RayCommandError

    if print_only:
        _show(stop_steps(target, job))
        raise typer.Exit
    try:
        raise typer.Exit(stop(target, job, _say))
    except RayCommandError as error:
        raise typer.Exit(_failed(error, error.code)) from error
    except LostClusterError as error:
        raise typer.Exit(_failed(error, FAULT)) from error


def _failed(error: Exception, code: int) -> int:
    typer.secho(printable(f"animesearch: {error}"), err=True, fg=typer.colors.RED)
    return code


def _say(line: str) -> None:
    """Our own words stand apart from the log, which goes to the standard output."""
    typer.secho(printable(line), err=True, fg=typer.colors.CYAN)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
