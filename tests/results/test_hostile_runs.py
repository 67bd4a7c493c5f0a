"""``rank``, ``report`` and the dashboard over run folders of strangers.

They refuse, or show what is broken as broken; nothing is run, nothing outside the folder touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient

from animesearch import cli
from animesearch.errors import RunFolderError
from animesearch.results.folder import RunFolder
from animesearch.results.web.app import ROUTES
from tests.results.hostile_runs import ESCAPES, Edit, each_text, edit, edits, spoil
from tests.results.web.conftest import client_of
from tests.results.web.runs import write_run

COMMANDS = (("rank",), ("rank", "--trials"), ("rank", "--csv"), ("rank", "--json"), ("report",))
ADDRESSES = ("/", "/runs/r/", "/runs/r/wall", "/runs/r/space", "/runs/r/trials/t0000",
             *(route.path.replace("{run}", "r").replace("{trial}", "t0000")
               for route in ROUTES if getattr(route, "path", "").startswith("/api/")))  # fmt: skip
SECRET = "not for any reader"

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("good") / "r").path


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    """A copy, to be spoilt; the folder around it holds a secret."""
    (tmp_path / "secret.json").write_text(json.dumps([SECRET]))
    shutil.copytree(good, tmp_path / "runs" / "r")
    return tmp_path / "runs" / "r"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``command("rank", ...)``: exit code and all that was said."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["animesearch", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
            raise SystemExit(0)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return call


def content(folder: Path, besides: Path) -> dict[str, object]:
    """The files that stand there, but for those below ``besides``."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        if besides not in path.parents and not path.is_dir():
            stamp = path.lstat()
            found[str(path)] = (stamp.st_mtime_ns, stamp.st_size, stamp.st_mode)
    return found


def look(run: Path, command: Command) -> dict[str, int]:
    """Everything that reads a run, tried: the exit codes, and the worst status of a page."""
    out = run.parent / "report.html"
    codes = {}
    for name, *options in COMMANDS:
        extra = ["-o", out] if name == "report" else []
        code, text = command(name, run, *options, *extra)
        assert code in {0, 2}, text
        assert "Traceback" not in text
        assert all(line.isprintable() for line in text.splitlines()), repr(text)
        assert SECRET not in text
        codes[" ".join([name, *options])] = code
    if out.exists():
        assert_harmless(out.read_text())
        out.unlink()
    return {**codes, "page": pages(run)}


def pages(run: Path) -> int:
    """The worst status; 409 is "broken, and says so"."""
    try:
        client = client_of(run)
    except RunFolderError:
        return 404
    answers = [client.get(address) for address in ADDRESSES]
    for answer in answers:
        assert answer.status_code in {200, 302, 400, 404, 409}, answer.text
        assert SECRET not in answer.text
        if "text/html" in answer.headers.get("content-type", ""):
            assert_harmless(answer.text)
    return max(answer.status_code for answer in answers)


def assert_harmless(page: str) -> None:
    assert SECRET not in page
    assert not {"\x1b", "\x07", "\x9b", "\x08"} & set(page)


def test_a_good_run_is_shown(run: Path, command: Command) -> None:
    assert set(look(run, command).values()) <= {0, 200, 302, 404}


def _check(good: Path, tmp_path: Path, command: Command, examples: int) -> None:
    run = tmp_path / "runs" / "r"

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(edits(good))
    def check(changes: list[Edit]) -> None:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(good, run)
        spoil(run, changes)
        look(run, command)

    check()


def test_records_with_evil_values(good: Path, tmp_path: Path, command: Command) -> None:
    _check(good, tmp_path, command, 30)


@pytest.mark.slow
def test_many_records_with_evil_values(good: Path, tmp_path: Path, command: Command) -> None:
    _check(good, tmp_path, command, 250)


def test_texts_do_not_steer_the_terminal(run: Path, command: Command) -> None:
    for file in [run / "run.json", *(run / "journal").iterdir()]:
        tree = each_text(json.loads(file.read_text()), lambda text: ESCAPES + text)
        file.write_text(json.dumps(tree))
    assert set(look(run, command).values()) <= {0, 200, 302, 404}
    code, text = command("rank", run, "--columns", f"x{ESCAPES}")
    assert code == 2 and "unknown column" in text
    assert all(line.isprintable() for line in text.splitlines())


IDS = ["../x", "..", "a/b", "/etc", "", "t\x00", "t0000\n", "t" + ESCAPES, "%2e%2e", "."]


@pytest.mark.parametrize("name", IDS, ids=range(len(IDS)))
def test_trials_of_names_that_lead_elsewhere(run: Path, command: Command, name: str) -> None:
    for file in (run / "journal").iterdir():
        file.write_text(file.read_text().replace('"t0000"', json.dumps(name)))
    around = content(run.parent.parent, run)
    codes = look(run, command)
    assert codes["rank"] == 2 and codes["rank --json"] == 2
    assert content(run.parent.parent, run) == around


BROKEN: dict[str, Callable[[Path], object]] = {
    "infinite protocol": lambda run: edit(run / "run.json", ("protocol", "data"), "Infinity"),
    "vast number": lambda run: edit(run / "run.json", ("rungs", 3), "1" + "0" * 400),
    "nesting": lambda run: (run / "run.json").write_text("[" * 10**6),
    "empty": lambda run: (run / "run.json").write_text(""),
    "vast description": lambda run: os.truncate(run / "run.json", 10**11),
    "description as a pipe": lambda run: as_pipe(run / "run.json"),
    "description as a link": lambda run: as_link(run / "run.json", run.parents[1] / "secret.json"),
    "vast segment": lambda run: os.truncate(run / "journal" / "00000003.json", 10**11),
    "segment as a pipe": lambda run: as_pipe(run / "journal" / "00000003.json"),
    "segment as a link": lambda run: as_link(
        run / "journal" / "00000003.json", run.parents[1] / "secret.json"
    ),
    "segment as a device": lambda run: as_link(
        run / "journal" / "00000003.json", Path("/dev/zero")
    ),
    "segment as a folder": lambda run: as_folder(run / "journal" / "00000003.json"),
    "segment of nesting": lambda run: (run / "journal" / "00000003.json").write_text("[" * 10**6),
    "segment of NaN": lambda run: edit(run / "journal" / "00000004.json", (0, "score"), "NaN"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_records_that_cannot_be_read(run: Path, command: Command, name: str) -> None:
    BROKEN[name](run)
    codes = look(run, command)
    assert codes["rank"] == codes["rank --csv"] == codes["rank --json"] == 2
    described = "segment" in name
    assert codes["report"] == (0 if described else 2), "a report names what it could not read"


@pytest.mark.parametrize("name", ["nearest.json", "losses.csv", "grids/000032000.png"])
def test_files_beside_the_records_that_cannot_be_read(
    run: Path, command: Command, name: str
) -> None:
    file = run / "trials" / "t0000" / name
    assert file.is_file()
    for spoiled in (as_pipe, as_folder, lambda path: as_link(path, run.parents[1] / "secret.json")):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        file.write_bytes(b"")
        spoiled(file)
        assert look(run, command)["rank"] == 0
    assert content(run.parents[1], run).keys() >= {str(run.parents[1] / "secret.json")}


def test_plugins_of_a_run_are_not_run_by_readers(run: Path, command: Command) -> None:
    mark, evil = run.parents[1] / "code-was-run", run / "plugins" / "evil.py"
    evil.parent.mkdir()
    evil.write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n")
    digest = hashlib.sha256(evil.read_bytes()).hexdigest()
    edit(run / "run.json", ("plugins",), json.dumps({"evil.py": digest, "../../x.py": digest}))
    assert look(run, command)["rank"] == 0
    assert not mark.exists()


@pytest.mark.parametrize(
    "arguments", ["generate RUN -o OUT.png", "export RUN -o OUT", "resume RUN"]
)
def test_plugins_outside_and_changed_ones_are_refused(
    run: Path, command: Command, arguments: str
) -> None:
    mark = run.parents[1] / "code-was-run"
    code = f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
    (run.parents[1] / "x.py").write_text(code)
    digest = hashlib.sha256(code.encode()).hexdigest()
    given = arguments.replace("RUN", str(run)).replace("OUT", str(run.parent / "out")).split()
    for name, said in (("../../x.py", "outside its folder"), ("mine.py", "was changed since")):
        edit(run / "run.json", ("plugins",), json.dumps({name: digest}))
        (run / "plugins").mkdir(exist_ok=True)
        (run / "plugins" / "mine.py").write_text(code + "#")
        exit_code, text = command(*given)
        assert exit_code == 2 and said in text
    assert not mark.exists()


SPOILT: dict[str, Callable[[Path], object]] = {
    "overrides.json cannot be read": lambda run: (run / "overrides.json").write_text("[" * 10**5),
    "Input should be a valid string": lambda run: (run / "overrides.json").write_text("[[1]]"),
    "No such file": lambda run: None,
    "is not a regular file": lambda run: os.mkfifo(run / "overrides.json"),
    "Too many levels of symbolic links": lambda run: (run / "overrides.json").symlink_to("x"),
}


@pytest.mark.parametrize("said", SPOILT)
def test_what_a_stranger_asks_to_resume_is_refused(run: Path, command: Command, said: str) -> None:
    SPOILT[said](run)
    code, text = command("resume", run)
    assert code == 2 and said in text and "Traceback" not in text


def test_a_lock_that_leads_elsewhere_makes_no_file(run: Path) -> None:
    (run / ".lock").symlink_to(run.parents[1] / "made")
    lock = RunFolder(run).lock()
    with pytest.raises(RunFolderError, match="cannot write in the run folder"), lock:
        pass
    assert not (run.parents[1] / "made").exists()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_a_ranking_of_a_stranger_is_only_handed_out(run: Path, command: Command) -> None:
    (run / "ranking.json").write_text("[" * 10**5)
    assert set(look(run, command).values()) <= {0, 200, 302, 404}
    client: TestClient = client_of(run)
    answer = client.get("/runs/r/files/ranking.json")
    assert answer.headers["content-type"] == "application/json"
