"""A search for a cluster: its files in one folder, its command, and the place of its run."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import animesearch
from animesearch.cluster.jobs import Order
from animesearch.cluster.kuberay import is_manifest
from animesearch.cluster.plain import shell_line
from animesearch.cluster.source import Source, read_source
from animesearch.cluster.token import asks_for_token, texts
from animesearch.cluster.versions import images_of
from animesearch.errors import Problem, UserError
from animesearch.storage.places import checked, is_uri

SPACE = "space.yaml"
PLUGINS = "plugins"
RUNS = "ANIMESEARCH_RUNS"
"""In a launcher file, by docker's ``--env``: where runs are written, a folder each."""
PLACEHOLDER = "my-bucket"
HEAD_RUNS = "~/animesearch-runs"
MAKING = {
    "dist": "pip wheel --no-deps --wheel-dir dist .",
    "~/.ray/auth_token": "ray get-auth-token --generate",
}
INSTALLS = re.compile(r"animesearch|\binstall\b|\b(?:uv|conda)\b|\.sh\b")
"""In a command that may install this package."""
STOCK_IMAGE = re.compile(r"rayproject/ray\b.*")
RUNS_OPTION = re.compile(rf"\b{RUNS}=(?P<place>[^\s'\"]+)")


@dataclass(frozen=True)
class Task:
    """What is to be searched: a space's text, or a run to go on with.

    ``expects`` are options of ``run`` and ``resume`` that are passed on as they are.
    """

    name: str
    space: str = ""
    overrides: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    resume: str = ""
    expects: tuple[str, ...] = ()


def make_order(task: Task, files: Path, place: str, job_id: str) -> Order:
    """Fill the new folder ``files`` with the package, the space and the plug-ins."""
    _copy_package(files)
    if not task.resume:
        (files / SPACE).write_text(task.space, encoding="utf-8")
    for number, plugin in enumerate(task.plugins):
        target = files / PLUGINS / str(number) / plugin.name
        target.parent.mkdir(parents=True)
        shutil.copy(plugin, target)
    return Order(
        job_id=job_id,
        files=files,
        entrypoint=shell_line(command_of(task, place)),
        name=task.name,
        place=place,
        version=animesearch.__version__,
    )


def command_of(task: Task, place: str) -> list[str]:
    """The command on the head, which runs in the folder of the files."""
    common = ["--address", "auto", *task.expects]
    if task.resume:
        return ["python", "-m", "animesearch", "resume", task.resume, *common]
    options = [word for one in task.overrides for word in ("--set", one)]
    for number, plugin in enumerate(task.plugins):
        options += ["--plugin", f"{PLUGINS}/{number}/{plugin.name}"]
    run = ["python", "-m", "animesearch", "run", "--space", SPACE, "--out", place]
    return [*run, *options, *common]


def new_job_id(name: str, now: datetime) -> str:
    """``NAME-DATE-xxxx``: the name of the job and of the run's folder."""
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30] or "search"
    return f"{safe}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def place_of_run(out: str | None, launcher: LauncherFile | None, job_id: str) -> str:
    """Where the run will lie, as the job sees it.

    Raises:
        UserError: as :func:`seen_by_job`; or nothing is said for machines that share no disk.
    """
    if out is not None:
        return seen_by_job("--out", out)
    if launcher is None:
        return f"{HEAD_RUNS}/{job_id}"
    if launcher.runs is None:
        raise UserError(
            f"{launcher.path} does not say where runs are written, and its machines share no disk: "
            f"give --out s3://bucket/runs/x, or `--env {RUNS}=s3://bucket/runs` among docker's "
            "run_options"
        )
    if PLACEHOLDER in launcher.runs:
        raise UserError(
            f"{launcher.path} still has the bucket of the example, {launcher.runs}: put yours "
            "there, or give --out s3://bucket/runs/x"
        )
    return f"{seen_by_job(str(launcher.path), launcher.runs).rstrip('/')}/{job_id}"


def seen_by_job(said_by: str, place: str) -> str:
    """A place that means the same to the job as here.

    Raises:
        UserError: a relative folder, or a URI that cannot be opened or holds credentials: the
            command of a job is shown to everybody who sees its cluster.
    """
    found = checked(place)
    if is_uri(found) or found.startswith(("/", "~/")):
        return found
    raise UserError(
        f"{said_by} {place}: a job's own folder goes when it ends; give a URI "
        "(s3://bucket/runs/x), or an absolute folder that all machines of the cluster share"
    )


@dataclass(frozen=True)
class LauncherFile:
    """What of a launcher file concerns a submission.

    ``token``: its cluster asks for one.  ``runs``: where it says that runs are written.
    ``setup``: the commands that set its machines up.  ``stock``: its images, if any, are Ray's own.
    """

    path: Path
    token: bool
    runs: str | None
    mounts: Mapping[str, str]
    setup: tuple[str, ...] = ()
    stock: bool = False

    def require_files(self) -> None:
        """:class:`UserError` for what would fail on the machines, when they are paid for already:
        a file that is not here, a package that nothing installs."""
        for remote, local in self.mounts.items():
            self._require(remote, local)
        if self.stock and not any(INSTALLS.search(command) for command in self.setup):
            raise UserError(
                f"{self.path}: nothing installs animesearch on the machines; bring its wheel there "
                "and install it, as cluster.yaml of the project does (file_mounts, setup_commands)"
            )

    def _require(self, remote: str, local: str) -> None:
        here, about = Path(local).expanduser(), f"{self.path}: file_mounts {remote}"
        made = f"; make it with: {MAKING[local]}" if local in MAKING else ""
        if not here.exists():
            raise UserError(f"{about}: there is no {local}{made}")
        if any(f"{remote.rstrip('/')}/*.whl" in command for command in self.setup):
            wheels = [wheel.name for wheel in sorted(here.glob("*.whl"))]
            if not wheels:
                raise UserError(f"{about}: there is no wheel in {local}{made}")
            if twice := _twice(wheels):
                raise UserError(
                    f"{about}: {local} has {twice[0]} and {twice[1]}: pip would refuse both "
                    "together; leave the newer one"
                )


def _twice(wheels: Sequence[str]) -> list[str]:
    """Wheels of one package, where there are several."""
    packages = [wheel.partition("-")[0].lower() for wheel in wheels]
    return [wheel for wheel, name in zip(wheels, packages, strict=True) if packages.count(name) > 1]


def read_launcher(path: Path) -> LauncherFile:
    """The launcher file; :class:`UserError` for one that cannot be read."""
    source = read_source(path)
    if isinstance(source, list):
        raise UserError(told(path, source))
    return _launcher(path, source)


def told(path: Path, problems: Sequence[Problem]) -> str:
    """Mistakes of a cluster file, for one message."""
    count = f"{len(problems)} mistake{'s' if len(problems) != 1 else ''}"
    return "\n".join([f"{path}: {count}", *(f"  {problem}" for problem in problems)])


def _launcher(path: Path, source: Source) -> LauncherFile:
    tree = source.tree
    if is_manifest(tree):
        raise UserError(
            f"{path} is a manifest for Kubernetes, which Ray's launcher does not read: check it "
            f"with animesearch validate-cluster, and start it with kubectl apply -f {path}"
        )
    docker = tree.get("docker")
    options = texts(docker.get("run_options")) if isinstance(docker, dict) else []
    places = [found["place"] for text in options if (found := RUNS_OPTION.search(text))]
    mounts = tree.get("file_mounts")
    sections = ("setup", "head_setup", "worker_setup")
    return LauncherFile(
        path=path,
        token=asks_for_token(tree),
        runs=places[-1] if places else None,
        mounts=mounts if isinstance(mounts, dict) else {},
        setup=tuple(text for one in sections for text in texts(tree.get(f"{one}_commands"))),
        stock=all(STOCK_IMAGE.fullmatch(str(image)) for image in images_of(tree).values()),
    )


def _copy_package(files: Path) -> None:
    """This package as it stands here, so that the cluster runs what was tried out."""
    package = Path(animesearch.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.pyc")
    shutil.copytree(package, files / package.name, ignore=ignored)


def submit_words(order: Order, detach: bool = False) -> list[str]:
    """The words behind ``ray job submit --address ...`` that submit ``order``.

    Ray quotes the words of a command, and a ``~/`` in it would not be expanded: hence the shell.
    """
    environment: dict[str, Any] = {"env_vars": dict(order.environment)}
    return [
        *("--submission-id", order.job_id),
        *("--working-dir", str(order.files)),
        *("--runtime-env-json", json.dumps(environment)),
        *("--metadata-json", json.dumps(order.metadata)),
        *(["--no-wait"] if detach else []),
        *("--", "sh", "-c", order.entrypoint),
    ]
