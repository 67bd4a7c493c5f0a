"""The token of a cluster: where it is read here, and whether a launcher file's machines have it.

Ray's head takes token authentication where ``RAY_AUTH_MODE=token`` says so, and from 2.60 on also
where it finds a token; its workers take it only where they are told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from animesearch.cluster.plain import AUTH_MODE
from animesearch.cluster.source import Finding, Key
from animesearch.errors import UserError

MODE = re.compile(r"\bRAY_AUTH_MODE=['\"]?(?P<mode>\w+)")
START = re.compile(r"\bray start\b")
KEY = re.compile(r"(^|[/\s:=])\.ray(/auth_token)?\b|\bRAY_AUTH_TOKEN(_PATH)?\b")
"""Ray's file of the token or its folder, or a variable that names either."""
HEAD, WORKER = "head_start_ray_commands", "worker_start_ray_commands"


def token_headers(token: bool) -> dict[str, str]:
    """What a cluster with a token wants to see; the token is looked for where Ray does.

    Raises:
        UserError: there is no token.
    """
    if not (token or os.environ.get(AUTH_MODE, "").lower() == "token"):
        return {}
    return {"Authorization": f"Bearer {_token()}"}


def _token() -> str:
    if told := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return told
    named = os.environ.get("RAY_AUTH_TOKEN_PATH", "")
    file = Path(named or "~/.ray/auth_token").expanduser()
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if not found:
        raise UserError(
            f"the cluster asks for a token and {file} holds none: `ray get-auth-token --generate` "
            "makes one, and the cluster must be started with the same"
        )
    return found


def asks_for_token(tree: Mapping[str, Any]) -> bool:
    """Whether the head of a launcher file will want to see a token."""
    told = _mode(tree, HEAD)
    return told == "token" if told else bool(_starts(tree, HEAD)) and _carries_key(tree)


def token_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Machines that would be refused by the head, or could not start for want of a token."""
    asked = asks_for_token(tree)
    shown = _mode(tree, WORKER) == "token"
    for place in _starts(tree, WORKER) if _starts(tree, HEAD) and asked != shown else ():
        without = "without RAY_AUTH_MODE=token, which the head has: no worker could join"
        alone = "with RAY_AUTH_MODE=token, which the head has not"
        yield Finding(place, f"starts Ray {without if asked else alone}")
    if asked and not _carries_key(tree):
        message = "the head asks for a token, and nothing brings one to the machines"
        hint = "~/.ray/auth_token: ~/.ray/auth_token among file_mounts"
        yield Finding(("file_mounts",), message, hint)


def _mode(tree: Mapping[str, Any], start: str) -> str:
    """What ``RAY_AUTH_MODE`` is for the Ray that ``start`` starts; '' where nothing says."""
    kind = "head" if start == HEAD else "worker"
    docker = [*_docker_options(tree, "run_options"), *_docker_options(tree, f"{kind}_run_options")]
    sections = ("setup_commands", f"{kind}_setup_commands", start)
    told = [*docker, *(text for section in sections for text in texts(tree.get(section)))]
    modes = [found["mode"] for text in told for found in MODE.finditer(text)]
    return modes[-1].lower() if modes else ""


def _carries_key(tree: Mapping[str, Any]) -> bool:
    mounts = tree.get("file_mounts")
    told = [str(remote) for remote in mounts] if isinstance(mounts, dict) else []
    for section, commands in tree.items():
        told += texts(commands) if section.endswith("_commands") else []
    return any(KEY.search(one) for one in [*told, *_docker_options(tree, "run_options")])


def _starts(tree: Mapping[str, Any], section: str) -> list[Key]:
    """The commands of ``section`` that start Ray."""
    commands = tree.get(section)
    listed = commands if isinstance(commands, list) else []
    return [
        (section, index)
        for index, command in enumerate(listed)
        if isinstance(command, str) and START.search(command)
    ]


def _docker_options(tree: Mapping[str, Any], word: str) -> list[str]:
    docker = tree.get("docker")
    return texts(docker.get(word)) if isinstance(docker, dict) else []


def texts(value: object) -> list[str]:
    """The texts of a list; none of what is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
