"""Secrets that stand in a cluster file, where everybody who reads it has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from animesearch.cluster.source import Finding, Key
from animesearch.storage.faults import SECRETS

PLACE = re.compile(r"_(?:FILE|PATH|DIR|URL|URI|CREDENTIALS)\Z")
"""Ends of names of variables that say where a secret is."""
SET = re.compile(r"(?<![\w$])(?P<name>[A-Za-z_]\w*)=(?P<value>(?![\"']?\$)[\"']?[^\s\"';]+)")
"""A variable that is given a value which is not another variable's."""


def names_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, rather than the place of one."""
    upper = name.upper()
    return bool(SECRETS.search(upper)) and not PLACE.search(upper)


def secret_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Secrets among docker's options and the commands of a launcher file."""
    yield from _of_section(tree, ())
    types = tree.get("available_node_types")
    for name, node_type in types.items() if isinstance(types, dict) else ():
        if isinstance(node_type, dict):
            yield from _of_section(node_type, ("available_node_types", name))


def _of_section(section: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    for word, value in section.items():
        if word.endswith("_commands"):
            yield from _of_texts(value, (*key, word))
    docker = section.get("docker")
    for word, value in docker.items() if isinstance(docker, dict) else ():
        if word.endswith("run_options"):
            yield from _of_texts(value, (*key, "docker", word))


def _of_texts(value: object, key: Key) -> Iterator[Finding]:
    for index, text in enumerate(value if isinstance(value, list) else ()):
        for found in SET.finditer(text) if isinstance(text, str) else ():
            if names_secret(found["name"]):
                message = f"{found['name']} stands in the file: anyone who reads it has it"
                hint = "give the machines a role of their own, or mount a file (file_mounts)"
                yield Finding((*key, index), message, hint)
