"""Malformed spaces, overrides and plug-ins at the command that users type: always one clear
message and exit code 2, soon, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from animesearch import cli
from tests.malformed_spaces import GOOD, flow, malformed
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[1]
SECONDS = 2.0
LONGEST = 70_000
FILES = 200

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``animesearch run ARGUMENTS --dry-run`` in this process: exit code and standard error."""

    def run(*arguments: str | Path) -> tuple[int, str]:
        argv = ["animesearch", "run", *map(str, arguments), "--dry-run"]
        monkeypatch.setattr(sys, "argv", argv)
        begun = time.process_time()
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert time.process_time() - begun < SECONDS
        said = capsys.readouterr()
        assert not said.out
        return int(end.value.code or 0), said.err

    return run


def refused(answer: tuple[int, str], where: str) -> str:
    """The message of a mistake of the user's, checked; ``where`` is a pattern of its places."""
    code, text = answer
    assert code == 2, text
    assert text.startswith("animesearch: ") and "Traceback" not in text
    assert all(line.isprintable() for line in text.splitlines()), repr(text)
    assert len(text) < LONGEST
    head, *problems = text.removesuffix("\n").split("\n")
    assert re.search(r": \d+ mistakes?$", head), head
    assert problems and all(re.match(rf"  {where}, [^ ]+: .", line) for line in problems), text
    return text


def test_two_hundred_malformed_files(command: Command, tmp_path: Path) -> None:
    path, seen = tmp_path / "space.yaml", set()

    @settings(
        max_examples=FILES + 40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(malformed())
    def check(drawn: tuple[str, bytes]) -> None:
        _, raw = drawn
        seen.add(raw)
        path.write_bytes(raw)
        text = refused(command("--space", path), r"line \d+")
        last = len(re.split(rb"\r\n|\r|\n", raw))
        assert all(1 <= int(line) <= last for line in re.findall(r"^  line (\d+)", text, re.M))

    check()
    assert len(seen) >= FILES


WITHOUT = (
    "import sys; sys.modules.update({name: None for name in ('torch', 'ray')}); "
    "from animesearch import cli; cli.main()"
)


def test_a_malformed_file_needs_neither_torch_nor_ray(tmp_path: Path) -> None:
    """Also where a search would begin with the next line, which takes seconds to import."""
    (tmp_path / "space.yaml").write_text("name: x\ntrial: {batch: -1}\n")
    for command in (["run", "--space"], ["submit", "--address", "http://127.0.0.1:1", "--space"]):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT, *command, "space.yaml"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        refused((done.returncode, done.stderr), r"line \d+")


def test_the_space_that_they_are_made_of_is_a_good_one(tmp_path: Path) -> None:
    from animesearch.tuning.prepare import load_search

    (tmp_path / "good.yaml").write_text(flow(GOOD))
    assert load_search(str(tmp_path / "good.yaml"), []).config.name == "small"


def told(answer: tuple[int, str]) -> str:
    """The one message of a mistake that is in no file, checked."""
    code, text = answer
    assert code == 2, text
    assert text.startswith("animesearch: ") and "Traceback" not in text
    assert all(line.isprintable() for line in text.splitlines()), repr(text)
    assert len(text) < 2000
    return text


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def vast(folder: Path) -> Path:
    """50 MB of spaces, and an end: nothing on the disk."""
    with (folder / "vast").open("wb") as file:
        file.truncate(50_000_000)
    return folder / "vast"


def loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


NO_FILES: list[Callable[[Path], Path | str]] = [
    pipe,
    vast,
    loop,
    lambda folder: folder,
    lambda _: "/dev/zero",
    lambda _: "/dev/stdin",
    lambda _: "",
    lambda _: "none.yaml",
    lambda _: "\x1b]0;owned\x07\x1b[2J.yaml",
    lambda _: "two\rlines\u202e.yaml",
    lambda _: "k" * 100_000,
    lambda _: "k/" * 50_000,
]


@pytest.mark.parametrize("option", ["--space", "--plugin"])
@pytest.mark.parametrize("make", NO_FILES, ids=range(len(NO_FILES)))
def test_what_is_no_file_of_text(
    command: Command, tmp_path: Path, option: str, make: Callable[[Path], Path | str]
) -> None:
    space = () if option == "--space" else ("--space", write_space(tmp_path / "in"))
    told(command(*space, option, make(tmp_path)))


PLUGINS = [
    "raise ValueError('\\x1b]0;owned\\x07')",
    "raise SystemExit(0)",
    "def f(): f()\nf()",
    "1 +",
    "\0",
    "(" * 100_000,
    "x = [" + "[" * 300 + "]" * 300 + "]",
    "\t\tx\n  y",
    "# -*- coding: none -*-",
    "import no_such_module_\x1b",
    "raise ValueError('x' * 10**6)",
    "raise ValueError(f'\\n' * 1000)",
]


@pytest.mark.parametrize("source", PLUGINS, ids=range(len(PLUGINS)))
def test_plugins_that_cannot_be_loaded(command: Command, tmp_path: Path, source: str) -> None:
    (tmp_path / "mine.py").write_bytes(source.encode())
    space = write_space(tmp_path / "in")
    text = told(command("--space", space, "--plugin", tmp_path / "mine.py"))
    assert "mine.py" in text


OVERRIDES = [
    *("", "=", "trial", "trial.batch", ".batch=1", "trial..batch=1", "=1", "a" * 100_000 + "=1"),
    *(
        "trial.batch=[",
        "trial.batch={a: 1",
        "trial.batch='",
        "trial.batch=a: b: c",
        "trial.batch=|",
    ),
    *("trial.batch=1" + "0" * 400, "trial.batch=1e999", "trial.batch=.inf", "trial.batch=.nan"),
    *("trial.batch=-1", "trial.batch=1.5", "trial.batch=many", "trial.batch=", "trial.batch=~"),
    *("trial.batch=!!python/name:os.system", "trial.batch=2020-01-01", "trial.batch=*a"),
    *("trial.batch=&a [*a]", "trial.batch={<<: {a: 1}}", "trial.batch={a: 1, a: 2}"),
    *("trial.batch=" + "[" * 10_000, "trial.batch=" + "{a: " * 10_000, "trial.batch=--- 1\n--- 2"),
    *("trial.batch=\udcff", "trial.\udcff=1", "trial.batch=\ud800"),
    *("trial.batch=\x1b[31m", "trial.\x1b[31m=1", "\u202etrial=1", "trial.batch=\0", "x\0y=1"),
    *("trial.loss.choice.9=ns", "trial.loss.choice.-1=ns", "trial.loss.choice.x=ns", "name.x=1"),
    *(
        "trial.zz=1",
        "zz=1",
        "trial=1",
        "trial=[]",
        "search={}",
        "." * 50_000 + "=1",
        "a.b" * 40_000,
    ),
    "trial.loss={choice: [" + "x, " * 30_000 + "]}",
    "trial.batch={choice: [" + "1, " * 30_000 + "]}",
    "trial.batch=" + "{a: &a [" * 8,
    "trial.batch=[&a [1,1,1,1,1,1,1,1]"
    + "".join(f", &{b} [{f'*{a}, ' * 8}]" for a, b in ("ab", "bc", "cd", "de", "ef", "fg"))
    + "]",
]


@pytest.mark.parametrize("override", OVERRIDES, ids=range(len(OVERRIDES)))
def test_malformed_overrides(command: Command, tmp_path: Path, override: str) -> None:
    space = write_space(tmp_path / "in")
    refused(command("--space", space, "--set", override), "(--set|line 5)")


def test_hundreds_of_overrides(command: Command, tmp_path: Path) -> None:
    space = write_space(tmp_path / "in")
    many = [part for number in range(400) for part in ("--set", f"trial.k{number}=1")]
    refused(command("--space", space, *many), "--set|line 5")


def test_limits_are_told(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    for raw, words in (
        (b"#" * 1_000_001, "larger than 1,000,000 bytes"),
        (b"a: " + b"[" * 65, "nested deeper than 64 levels"),
        (b"a: [" + b"1, " * 20_001 + b"]", "more than 20,000 keys and values"),
        (b"a: " + b"x" * 4097, "a value of 4,097 characters; at most 4,096"),
    ):
        path.write_bytes(raw)
        assert words in refused(command("--space", path), r"line \d+")
    plugin = tmp_path / "large.py"
    plugin.write_bytes(b"#" * 1_000_001)
    text = told(command("--space", write_space(tmp_path / "in"), "--plugin", plugin))
    assert "larger than 1,000,000 bytes" in text


SECRET = "hunter2"
URLS = [f"postgresql://me:{SECRET}@host/db", f"https://me:{SECRET}@host:80/x?y=1"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "line", ["# kept at URL", "note: URL", "name: URL", "seed: URL", "URL: 1", "seed: {x: URL}"]
)
def test_a_password_in_a_file_is_refused_and_not_repeated(
    command: Command, tmp_path: Path, url: str, line: str
) -> None:
    path = write_space(tmp_path / "in")
    path.write_text(f"{line.replace('URL', url)}\n{flow_lines()}")
    text = refused(command("--space", path), r"line \d+")
    assert "line 1" in text and SECRET not in text


def flow_lines() -> str:
    """The good space without name and seed, a key to a line."""
    rest = {key: value for key, value in GOOD.items() if key not in {"name", "seed"}}
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in rest.items())


@pytest.mark.parametrize("path", ["name", "search.storage", "dataset.source", "trial.batch", "zz"])
@pytest.mark.parametrize("url", URLS)
def test_a_password_in_an_override_is_refused_and_not_repeated(
    command: Command, tmp_path: Path, path: str, url: str
) -> None:
    space = write_space(tmp_path / "in")
    text = refused(command("--space", space, "--set", f"{path}={url}"), r"(--set|line \d+)")
    assert SECRET not in text


BLOCKED = (
    "import sys; sys.modules.update(torch=None, ray=None, torchvision=None)\n"
    "from animesearch.cli import main\nmain()"
)
SAMPLE = [
    b"",
    b"\0",
    b"[" * 10_000,
    b"{a: " * 10_000,
    b"a: &a [*a]",
    b"a: !!python/object/apply:os.system ['true']",
    b"a: 1" + b"0" * 400,
    "name: sm\xe4ll".encode("latin-1"),
    "name: small".encode("utf-16"),
    b"name: \x1b]0;owned\x07",
    b"name: small\r\nname: small\r\n",
    b"--- {}\n--- {}\n",
    b"#" * 50_000_000,
    b"trial: {architecture: progan, loss: ns}",
]


@pytest.mark.parametrize("files", [SAMPLE[4:6], pytest.param(SAMPLE, marks=pytest.mark.slow)])
def test_the_command_itself_without_torch_and_ray(tmp_path: Path, files: list[bytes]) -> None:
    """All at once, as the interpreter's start takes longest; nothing waits for the pipe."""
    paths = [tmp_path / f"{number}.yaml" for number in range(len(files))]
    for path, raw in zip(paths, files, strict=True):
        path.write_bytes(raw)
    command = [sys.executable, "-c", BLOCKED, "run", "--dry-run", "--space"]
    running = [
        subprocess.Popen(
            [*command, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for path in [*paths, pipe(tmp_path)]
    ]
    answers = [(process.communicate(timeout=120), process.returncode) for process in running]
    for (out, text), code in answers:
        assert (code, out) == (2, ""), text
        assert text.startswith("animesearch: ") and "Traceback" not in text
        assert all(line.isprintable() for line in text.splitlines())
