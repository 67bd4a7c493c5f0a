"""``animesearch submit``, ``status`` and ``fetch`` without a cluster: what is refused, what is
shown, and the exact commands of Ray's that run, which a program called `ray` writes down."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import ray
import yaml

from animesearch.cluster.address import checked_address
from animesearch.cluster.jobs import Jobs, Seen
from animesearch.cluster.plain import Plain, shell_line
from animesearch.cluster.status import folder_status, job_lines, run_lines
from animesearch.cluster.submit import Task, command_of, make_order, new_job_id, submit_words
from animesearch.cluster.token import token_headers
from animesearch.cluster.tunnel import free_port
from animesearch.errors import UserError
from tests.results.web.runs import write_run
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[2]
RECORDER = """#!{python}
import json, os, sys
with open({log!r}, "a") as file:
    print(json.dumps([os.environ.get("RAY_AUTH_MODE", ""), *sys.argv[1:]]), file=file)
answers = json.loads({answers!r})
if sys.argv[1] in answers:
    print("the cloud said no", file=sys.stderr)
    sys.exit(answers[sys.argv[1]])
"""


class Desk:
    """A folder from which a user works, with a `ray` that only writes down what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls"
        (folder / "bin").mkdir()
        (folder / "dist").mkdir()
        (folder / "dist" / "animesearch-9-py3-none-any.whl").touch()
        (folder / ".ray").mkdir()
        (folder / ".ray" / "auth_token").write_text("a" * 32)
        write_space(folder)
        text = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
        text = text.replace("2.60.0", ray.__version__).replace("my-bucket", "faces-of-mine")
        (folder / "cluster.yaml").write_text(text, encoding="utf-8")
        self.answer()

    def answer(self, **codes: int) -> None:
        """Exit codes of the `ray` here, by its first word; 0 for the others."""
        program = self.folder / "bin" / "ray"
        program.write_text(
            RECORDER.format(python=sys.executable, log=str(self.log), answers=json.dumps(codes))
        )
        program.chmod(0o755)

    def change(self, old: str, new: str) -> None:
        file = self.folder / "cluster.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
            "HOME": str(self.folder),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        return subprocess.run(
            [sys.executable, "-m", "animesearch", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[list[str]]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


SUBMIT = ("submit", "--space", "small.yaml", "--cluster", "cluster.yaml")


def test_print_only_shows_commands_that_can_be_pasted(desk: Desk) -> None:
    done = desk.run(*SUBMIT, "--set", "search.trials=2", "--stop", "--print-only")
    assert done.returncode == 0, done.stderr
    up, dashboard, job, down = (shlex.split(line) for line in done.stdout.splitlines())
    token = "RAY_AUTH_MODE=token"
    assert up == [token, "ray", "up", "--yes", "--no-restart", "cluster.yaml"]
    assert dashboard == [token, "ray", "dashboard", "cluster.yaml", "--port", "8265"]
    assert down == [token, "ray", "down", "--yes", "cluster.yaml"]
    assert job[:6] == [token, "ray", "job", "submit", "--address", "http://127.0.0.1:8265"]
    files = Path(job[job.index("--working-dir") + 1])
    assert (files / "animesearch" / "cli.py").is_file()
    assert yaml.safe_load((files / "space.yaml").read_text())["name"] == "small"
    job_id = job[job.index("--submission-id") + 1]
    command = shlex.split(job[-1])
    assert command[:5] == ["python", "-m", "animesearch", "run", "--space"]
    assert command[command.index("--out") + 1] == f"s3://faces-of-mine/animesearch/{job_id}"
    assert command[command.index("--set") + 1] == "search.trials=2"
    assert command[-2:] == ["--address", "auto"]
    assert desk.calls == []


def test_a_search_that_is_not_waited_for_is_submitted_so(desk: Desk) -> None:
    done = desk.run(*SUBMIT, "--detach", "--print-only")
    job = shlex.split(done.stdout.splitlines()[-1])
    assert job[job.index("--no-wait") + 1] == "--", done.stderr
    assert "--no-wait" not in desk.run(*SUBMIT, "--print-only").stdout


def test_status_shows_the_commands_that_it_stands_for(desk: Desk) -> None:
    address = "http://127.0.0.1:8265"
    done = desk.run("status", "--address", address, "--print-only")
    assert done.stdout.splitlines() == [
        f"ray job list --address {address}",
        f"ray job logs --address {address} JOB",
    ]
    done = desk.run("status", "--cluster", "cluster.yaml", "--job", "j-1", "--print-only")
    token = "RAY_AUTH_MODE=token"
    assert done.stdout.splitlines() == [
        f"{token} ray dashboard cluster.yaml --port 8265",
        f"{token} ray job status --address {address} j-1",
        f"{token} ray job logs --address {address} j-1",
    ]
    assert desk.calls == []


def test_a_failing_ray_up_gives_its_words_and_its_exit_code(desk: Desk) -> None:
    desk.answer(up=37)
    done = desk.run(*SUBMIT)
    assert done.returncode == 37
    assert "the cloud said no" in done.stderr
    assert "$ RAY_AUTH_MODE=token ray up --yes --no-restart cluster.yaml" in done.stderr
    assert desk.calls == [["token", "up", "--yes", "--no-restart", "cluster.yaml"]]


def test_a_tunnel_that_ends_is_told_with_its_words(desk: Desk) -> None:
    desk.answer(dashboard=3)
    done = desk.run(*SUBMIT)
    assert done.returncode == 3
    assert "the cloud said no" in done.stderr
    assert [call[1] for call in desk.calls] == ["up", "dashboard"]


def test_stop_alone_stops_the_machines_even_where_the_head_is_gone(desk: Desk) -> None:
    desk.answer(dashboard=3)
    done = desk.run("submit", "--stop", "--cluster", "cluster.yaml")
    assert done.returncode == 0, done.stderr
    assert "no search could be stopped" in done.stderr
    assert desk.calls[-1] == ["token", "down", "--yes", "cluster.yaml"]


def test_a_failing_ray_down_is_not_passed_over(desk: Desk) -> None:
    desk.answer(dashboard=3, down=5)
    assert desk.run("submit", "--stop", "--cluster", "cluster.yaml").returncode == 5


def test_the_heads_folder_is_fetched_by_rsync_down(desk: Desk) -> None:
    done = desk.run("fetch", "~/animesearch-runs/x/", "home", "--cluster", "cluster.yaml")
    assert done.returncode == 0, done.stderr
    assert desk.calls == [["token", "rsync-down", "cluster.yaml", "~/animesearch-runs/x/", "home/"]]
    again = desk.run("fetch", "relative", "home", "--cluster", "cluster.yaml")
    assert again.returncode == 2
    assert "absolute folder of the head" in again.stderr


REFUSED = [
    (("submit", "--space", "small.yaml"), "either --cluster FILE or --address"),
    (("submit", "--cluster", "cluster.yaml"), "give --space FILE, or --resume RUN"),
    ((*SUBMIT, "--resume", "s3://b/r"), "give one of them"),
    ((*SUBMIT, "--stop", "--detach"), "give one"),
    ((*SUBMIT, "--out", "runs/x"), "absolute folder"),
    ((*SUBMIT, "--set", "search.trialz=2"), "trialz"),
    ((*SUBMIT, "--set", "dataset.source=faces/mine"), "do not see folders of this one"),
    (("submit", "--space", "small.yaml", "--address", "http://127.0.0.1:1"), "no Ray dashboard"),
    (("submit", "--space", "small.yaml", "--address", "127.0.0.1:6379"), "like http://127.0.0.1"),
    (("submit", "--space", "small.yaml", "--address", "ray://h:1"), "Ray Client takes no jobs"),
    (("submit", "--stop", "--address", "http://127.0.0.1:1"), "no Ray dashboard answers"),
    (("status", "--address", "http://127.0.0.1:1"), "no Ray dashboard answers"),
    (("submit", "--space", "small.yaml", "--address", "http://127.0.0.1:99999"), "is like http"),
    (("submit", "--space", "small.yaml", "--cluster", "job.yaml"), "kubectl apply -f job.yaml"),
    (("submit", "--resume", "runs/x", "--cluster", "cluster.yaml"), "absolute folder"),
    (("status", "nowhere"), "there is no run folder nowhere"),
    (("status", "nowhere", "--print-only"), "no command of Ray's"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_mistakes_are_told_before_anything_starts(
    desk: Desk, words: tuple[str, ...], message: str
) -> None:
    shutil.copy(ROOT / "deploy" / "rayjob.yaml", desk.folder / "job.yaml")
    done = desk.run(*words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert desk.calls == []


SECRETS = [
    (*SUBMIT, "--out", "s3://key:hunter2@bucket/x"),
    ("submit", "--resume", "s3://key:hunter2@bucket/x", "--cluster", "cluster.yaml"),
    ("submit", "--space", "small.yaml", "--address", "http://me:hunter2@127.0.0.1:8265"),
    ("status", "--address", "http://me:hunter2@127.0.0.1:8265", "--print-only"),
    ("run", "--space", "small.yaml", "--address", "http://me:hunter2@127.0.0.1:8265"),
    ("run", "--space", "small.yaml", "--address", "ray://me:hunter2@127.0.0.1:10001"),
]


@pytest.mark.parametrize("words", SECRETS)
def test_a_secret_on_the_command_line_goes_no_further(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(*words, *(["--print-only"] if words[0] == "submit" else []))
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr
    assert desk.calls == []


CHANGES = [
    ("faces-of-mine", "my-bucket", "still has the bucket of the example"),
    ("ANIMESEARCH_RUNS=", "OTHER=", "does not say where runs are written"),
    ("s3://faces", "s3://key:hunter2@faces", "credentials are read from the environment"),
    ("InstanceType: g5", "InstanceTyp: g5", "did you mean 'InstanceType'"),
    ("animesearch: dist", "animesearch: wheels", "there is no wheels"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHANGES)
def test_a_cluster_file_is_checked_before_it_costs_money(
    desk: Desk, old: str, new: str, message: str
) -> None:
    desk.change(old, new)
    done = desk.run(*SUBMIT)
    assert done.returncode == 2
    assert message in done.stderr
    assert desk.calls == []


def test_what_is_to_be_installed_is_looked_for_before_it_costs_money(desk: Desk) -> None:
    wheel = desk.folder / "dist" / "animesearch-9-py3-none-any.whl"
    (desk.folder / "dist" / "animesearch-8-py3-none-any.whl").touch()
    assert "dist has animesearch-8" in desk.run(*SUBMIT).stderr
    for one in wheel.parent.iterdir():
        one.unlink()
    assert "there is no wheel in dist; make it with: pip wheel" in desk.run(*SUBMIT).stderr
    wheel.touch()
    desk.change("  - pip install --constraint /tmp/image-ray.txt ~/animesearch/*.whl\n", "")
    done = desk.run(*SUBMIT)
    assert done.returncode == 2
    assert "nothing installs animesearch on the machines" in done.stderr
    assert desk.calls == []


def test_a_missing_token_is_told_before_it_costs_money(desk: Desk) -> None:
    (desk.folder / ".ray" / "auth_token").unlink()
    done = desk.run(*SUBMIT)
    assert done.returncode == 2
    assert "ray get-auth-token --generate" in done.stderr
    assert desk.calls == []


def test_a_job_carries_the_package_the_space_and_the_plugins(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("x = 1\n")
    task = Task(
        "A b!", "name: x\n", ("search.trials=3",), (plugin,), expects=("--expect-gpus", "4")
    )
    files = tmp_path / "files"
    order = make_order(task, files, "~/runs/x y", "job-1")
    assert (files / "plugins" / "0" / "mine.py").read_text() == "x = 1\n"
    assert not list(files.rglob("__pycache__"))
    assert "--out ~/'runs/x y'" in order.entrypoint
    assert "--plugin plugins/0/mine.py" in order.entrypoint
    assert order.entrypoint.endswith("--address auto --expect-gpus 4")
    assert order.metadata["run"] == "~/runs/x y"
    assert submit_words(order)[-3:-1] == ["sh", "-c"]
    resumed = command_of(Task("r", resume="s3://b/r"), "s3://b/r")
    assert resumed == ["python", "-m", "animesearch", "resume", "s3://b/r", "--address", "auto"]


def test_names_of_jobs_are_safe_and_differ() -> None:
    from datetime import datetime

    now = datetime(2026, 1, 2, 3, 4, 5)
    first, second = new_job_id("../My Space", now), new_job_id("../My Space", now)
    assert first.startswith("my-space-20260102-030405-")
    assert first != second
    assert shell_line(["~/a b", "c d", "e"]) == "~/'a b' 'c d' e"


@pytest.mark.parametrize(
    ("state", "exit_code", "code"),
    [("SUCCEEDED", 0, 0), ("FAILED", 2, 2), ("FAILED", None, 1), ("STOPPED", None, 130)],
)
def test_the_exit_code_is_the_searchs(state: str, exit_code: int | None, code: int) -> None:
    seen = Seen("j", state, exit_code=exit_code)
    assert seen.over and seen.code == code
    assert not Seen("j", "RUNNING").over


def test_the_token_is_looked_for_where_ray_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert token_headers(token=False) == {}
    with pytest.raises(UserError, match="get-auth-token"):
        token_headers(token=True)
    (tmp_path / "key").write_text(" from-file \n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "key"))
    assert token_headers(token=True) == {"Authorization": "Bearer from-file"}
    monkeypatch.setenv("RAY_AUTH_TOKEN", "from-environment")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert token_headers(token=False) == {"Authorization": "Bearer from-environment"}


def test_addresses_of_dashboards() -> None:
    assert checked_address("http://h:8265/") == "http://h:8265"
    with pytest.raises(UserError, match="no Ray dashboard answers"):
        Jobs(f"http://127.0.0.1:{free_port()}")


def test_a_command_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no command 'no-such-ray'"):
        Plain(("no-such-ray", "up")).run()


def test_how_far_a_run_is(tmp_path: Path, desk: Desk) -> None:
    folder = write_run(tmp_path / "run")
    found = folder_status(folder)
    assert found["trials"] >= found["ended"] > 0
    assert found["best"]["score"] == min(
        trial.best.score for trial in folder.state().of_phase("race") if trial.best
    )
    now = found["last_at"] + 90
    text = "\n".join(run_lines(found, now))
    assert f"{found['ended']} of {found['trials']} trials ended" in text
    assert "1 min 30 s ago" in text
    assert found["best"]["trial"] in text
    done = desk.run("status", str(folder.path), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == found


def test_a_job_whose_run_cannot_be_read_here_shows_its_log() -> None:
    found = {
        "job": "j",
        "state": "FAILED",
        "message": "exit 1",
        "exit_code": 1,
        "started_at": 100.0,
        "ended_at": 160.0,
        "run": "/on/the/head",
        "search": None,
        "log": ["last words"],
    }
    assert job_lines(found) == [
        "job     j: FAILED, 1 min 00 s",
        "        exit 1",
        "run     /on/the/head",
        "log     last words",
    ]
