"""The plain Ray commands that our own stand for: built once, shown always, run where they are."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from animesearch.errors import AnimesearchError, UserError

AUTH_MODE = "RAY_AUTH_MODE"
DASHBOARD_PORT = 8265
ELSEWHERE = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
"""Variables that Ray's jobs follow rather than the address that they are given."""


class RayCommandError(AnimesearchError):
    """A command of Ray's that failed with the exit code ``code``.

    ``said`` are its last words, where they were not on the screen already.
    """

    def __init__(self, command: str, code: int, said: str = "") -> None:
        super().__init__(command, code, said)
        self.command = command
        self.code = code
        self.said = said

    def __str__(self) -> str:
        words = f":\n{self.said}" if self.said else ""
        return f"`{self.command}` failed with exit code {self.code}{words}"


@dataclass(frozen=True)
class Plain:
    """One command: its words, and what it needs in the environment besides."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """As it can be pasted into a shell."""
        before = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*before, shlex.join(self.words)])

    def run(self) -> None:
        """Run it, its output on the screen; :class:`RayCommandError` where it fails."""
        done = subprocess.run(
            self._found(), env={**os.environ, **self.environment}, stdin=None, check=False
        )
        if done.returncode:
            raise RayCommandError(str(self), done.returncode)

    def started(self) -> subprocess.Popen[str]:
        """Start it in the background, in a process group of its own, its output kept apart."""
        return subprocess.Popen(
            self._found(),
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _found(self) -> list[str]:
        beside = Path(sys.executable).parent / self.words[0]
        found = shutil.which(self.words[0]) or (str(beside) if beside.is_file() else None)
        if found is None:
            raise UserError(
                f"there is no command '{self.words[0]}' here; pip install 'ray[default]'"
            )
        return [found, *self.words[1:]]


@dataclass(frozen=True)
class Launcher:
    """Ray's cluster launcher over one ``file``; ``token``: its cluster asks for one."""

    file: Path
    token: bool = False

    def up(self, restart: bool = False) -> Plain:
        """Start the head, or bring it up to date.

        A Ray that runs there is left alone unless it is to be restarted, which ends its searches.
        """
        return self._plain("up", "--yes", *([] if restart else ["--no-restart"]), str(self.file))

    def down(self) -> Plain:
        """Stop all of its machines."""
        return self._plain("down", "--yes", str(self.file))

    def dashboard(self, port: int) -> Plain:
        """Carry the head's dashboard to ``port`` of this machine, through SSH."""
        return self._plain("dashboard", str(self.file), "--port", str(port))

    def fetch(self, place: str, folder: Path) -> Plain:
        """Copy what is in the head's folder ``place`` into ``folder``."""
        return self._plain("rsync-down", str(self.file), f"{place}/", f"{folder}/")

    def _plain(self, *words: str) -> Plain:
        return Plain(("ray", *words), auth(self.token))


def auth(token: bool) -> dict[str, str]:
    """What the environment needs for a cluster with a token."""
    return {AUTH_MODE: "token"} if token else {}


def job_command(verb: str, address: str, token: bool, *words: str) -> Plain:
    """``ray job VERB --address ADDRESS ...``, wherever this shell was set up to go."""
    here = {name: "" for name in ELSEWHERE if name in os.environ}
    return Plain(("ray", "job", verb, "--address", address, *words), {**here, **auth(token)})


def shell_line(words: Sequence[str]) -> str:
    """The words as a line for a shell, a leading ``~/`` left for it to expand."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if word.startswith("~/"):
        return "~/" + shlex.quote(word[2:]) if word[2:] else word
    return shlex.quote(word)
