"""The runtime environment of a job, which a manifest holds as a text of YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from animesearch.cluster.credentials import names_secret
from animesearch.cluster.source import Finding, Key
from animesearch.errors import did_you_mean


def runtime_env_findings(text: object, key: Key) -> Iterator[Finding]:
    """What Ray would refuse when the job starts or pass over with a warning, and secrets."""
    if text is None:
        return
    try:
        found = yaml.safe_load(text) if isinstance(text, str) else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield Finding(key, f"not YAML: {getattr(error, 'problem', None) or error}")
        return
    if not isinstance(found, dict):
        yield Finding(key, "must be a text that is a mapping of YAML (`runtimeEnvYAML: |`)")
        return
    known = _known_fields()
    for word in found:
        if word not in known:
            yield Finding(key, f"unknown key {word!r}", did_you_mean(str(word), known))
    yield from _variables(found.get("env_vars"), key)


def _variables(variables: Any, key: Key) -> Iterator[Finding]:
    for name, value in variables.items() if isinstance(variables, dict) else ():
        if not isinstance(value, str):
            yield Finding(key, f"{name}: {value!r} is no text: put it in quotes")
        elif value and names_secret(str(name)):
            message = f"{name} stands in the file: anyone who reads it has it"
            yield Finding(key, message, "take it from a Secret, in the pods' envFrom")


def _known_fields() -> set[str]:
    from ray.runtime_env import RuntimeEnv

    return set(RuntimeEnv.known_fields)
