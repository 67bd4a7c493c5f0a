"""Checking a cluster file without a cloud, an account or a network.

A launcher file of Ray's (``cluster.yaml``) or a KubeRay ``RayJob`` manifest: the content tells.

``ray up`` has no dry run, and Ray's own validation stops at the first mistake and does not look
into ``node_config``.  Here are all mistakes at once: Ray's schema, then our rules for what Ray
lets pass, then, where both are content, the rest of Ray's own validation.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from animesearch.cluster.aws import aws_findings
from animesearch.cluster.credentials import secret_findings
from animesearch.cluster.gcp import gcp_findings
from animesearch.cluster.keys import node_types
from animesearch.cluster.kuberay import is_manifest, kuberay_findings
from animesearch.cluster.source import Finding, read_source
from animesearch.cluster.token import HEAD, texts, token_findings
from animesearch.cluster.versions import (
    command_findings,
    image_findings,
    images_of,
    python_findings,
)
from animesearch.errors import Problem, did_you_mean

LONGEST_MESSAGE = 200
"""Characters of a message of the schema, which may quote a whole section of the file."""


def validate_cluster(path: Path | str) -> list[Problem]:
    """Every mistake in the cluster file ``path``, in the order of its lines; empty when sound.

    Raises:
        UserError: the file is missing, too large or not text.
    """
    source = read_source(Path(path))
    if isinstance(source, list):
        return source
    manifest = is_manifest(source.tree)
    findings = list(kuberay_findings(source.tree) if manifest else _launcher_findings(source.tree))
    problems = (source.problem(finding) for finding in findings)
    return sorted(problems, key=lambda problem: problem.line or 0)


def _launcher_findings(tree: Mapping[str, Any]) -> list[Finding]:
    findings = list(_schema_findings(tree)) + list(_our_findings(tree))
    return findings or list(_ray_findings(tree))


def _schema_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    import jsonschema
    import ray.autoscaler

    text = (Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text(encoding="utf-8")
    kind = _provider_type(tree)
    if kind == "local":  # Ray takes it out before it looks
        tree = {word: value for word, value in tree.items() if word != "min_workers"}
    for error in jsonschema.Draft7Validator(json.loads(text)).iter_errors(tree):
        if not (kind == "aws" and _asked_for(error)):
            yield from _schema_finding(error)


def _provider_type(tree: Mapping[str, Any]) -> object:
    provider = tree.get("provider")
    return provider.get("type") if isinstance(provider, dict) else None


def _asked_for(error: Any) -> bool:
    """Resources that a node type does not tell: Ray asks AWS for them before it looks."""
    return bool(error.validator == "required" and error.message.startswith("'resources' "))


def _schema_finding(error: Any) -> Iterator[Finding]:
    key, allowed = tuple(error.absolute_path), error.schema.get("properties", {})
    if error.validator == "additionalProperties":
        for word in sorted(error.instance.keys() - allowed.keys()):
            yield Finding((*key, word), "unknown key", did_you_mean(word, allowed))
    else:
        yield Finding(key, _shortened(error.message))


def _shortened(message: str) -> str:
    if len(message) <= LONGEST_MESSAGE:
        return message
    half = LONGEST_MESSAGE // 2
    return f"{message[:half]} ... {message[-half:]}"


def _our_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    provider, types = tree.get("provider"), tree.get("available_node_types")
    if isinstance(provider, dict):
        yield from _provider_findings(provider, tree)
    yield from _mount_findings(tree.get("file_mounts"))
    yield from _version_findings(tree)
    yield from _start_findings(tree)
    yield from token_findings(tree)
    yield from secret_findings(tree)
    if "available_node_types" not in tree and _provider_type(tree) != "local":
        yield Finding((), "'available_node_types' is missing: Ray would start machines of its own")
    if isinstance(types, dict):
        yield from _head_findings(tree.get("head_node_type"), types)
        yield from _room_findings(tree, types)
        for name, node_type in types.items():
            if isinstance(node_type, dict):
                yield from _node_type_findings(name, node_type)


def _provider_findings(provider: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[Finding]:
    kind, known = provider.get("type"), _provider_types()
    if kind == "aws":
        yield from aws_findings(tree)
    elif kind == "gcp":
        yield from gcp_findings(tree)
    elif isinstance(kind, str) and kind not in known:
        message = f"{kind!r} is not one of {', '.join(known)}"
        yield Finding(("provider", "type"), message, did_you_mean(kind, known))


def _mount_findings(mounts: object) -> Iterator[Finding]:
    for remote, local in mounts.items() if isinstance(mounts, dict) else ():
        if not isinstance(local, str):
            message = f"must be the path of a file or folder here, got {local!r}"
            yield Finding(("file_mounts", remote), message)


def _start_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """A head that starts no Ray, or one that never asks for workers; Ray warns of the second."""
    starts = [text for text in texts(tree.get(HEAD)) if "ray start" in text]
    if not starts:
        return
    if not any("--head" in text for text in starts):
        yield Finding((HEAD,), "no command starts a head: ray start --head")
    elif not any("--autoscaling-config" in text for text in starts):
        message = "without --autoscaling-config=~/ray_bootstrap_config.yaml no worker ever starts"
        yield Finding((HEAD,), message)


def _version_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """The Ray of images and of set-up commands must be the one that is installed here, and all
    images must have one Python."""
    images = images_of(tree)
    for key, image in images.items():
        yield from image_findings(image, key)
    yield from python_findings(images)
    for section in ("initialization", "setup", "head_setup", "worker_setup"):
        commands = tree.get(f"{section}_commands")
        for index, command in enumerate(commands if isinstance(commands, list) else ()):
            yield from command_findings(command, (f"{section}_commands", index))


def _provider_types() -> list[str]:
    from ray.autoscaler._private.providers import _DEFAULT_CONFIGS

    return sorted({*_DEFAULT_CONFIGS, "external"})


def _head_findings(head: object, types: Mapping[str, Any]) -> Iterator[Finding]:
    if head is None:
        yield Finding((), f"'head_node_type' is missing; the types are {', '.join(types)}")
    elif isinstance(head, str) and head not in types:
        message = f"{head!r} is not one of available_node_types: {', '.join(types)}"
        yield Finding(("head_node_type",), message, did_you_mean(head, types))


def _room_findings(tree: Mapping[str, Any], types: Mapping[str, Any]) -> Iterator[Finding]:
    """A cluster on which no trial could ever run; what is not told counts as there."""
    for name, node_type in types.items():
        entry = node_type if isinstance(node_type, dict) else {}
        told = entry.get("resources")
        cores = told.get("CPU", 1) if isinstance(told, dict) else 1
        workers = (tree.get("max_workers", 1), entry.get("max_workers", 1))
        if cores != 0 and (name == tree.get("head_node_type") or 0 not in workers):
            return
    message = "no trial could run: no worker may come, and the head offers no CPU"
    yield Finding(("max_workers",), message)


def _node_type_findings(name: str, node_type: Mapping[str, Any]) -> Iterator[Finding]:
    key = ("available_node_types", name)
    low, high = node_type.get("min_workers", 0), node_type.get("max_workers")
    if isinstance(low, int) and low < 0:
        yield Finding((*key, "min_workers"), f"must be 0 or more, got {low}")
    if isinstance(high, int) and high < 0:
        yield Finding((*key, "max_workers"), f"must be 0 or more, got {high}")
    elif isinstance(low, int) and isinstance(high, int) and low > high:
        yield Finding((*key, "min_workers"), f"{low} is more than max_workers, {high}")
    resources = node_type.get("resources")
    for word in resources if isinstance(resources, dict) else ():
        if word.upper() in ("CPU", "GPU") and word != word.upper():
            message = "a resource of your own: Ray's own names are upper case"
            yield Finding((*key, "resources", word), message, f"did you mean '{word.upper()}'?")


def _ray_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """What else Ray refuses; called with a tree that is sound as far as the checks above see."""
    import click
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    # The last four: Ray looks up and compares values whose kind it has not checked.
    refused = (
        *(click.ClickException, OSError),
        *(jsonschema.ValidationError, ValueError, RuntimeError, AssertionError),
        *(KeyError, TypeError, AttributeError, IndexError),
    )
    try:
        # Ray prints and logs what it fills in and advice about mounts: no mistakes.
        logging.getLogger("ray.autoscaler").setLevel(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            validate_config(prepare_config(_answered(tree)))
    except refused as error:
        yield Finding((), f"Ray refuses the file: {_shortened(repr(error))}")


def _answered(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the tree; with what AWS would tell of node types that do not tell it."""
    answered = copy.deepcopy(dict(tree))
    if _provider_type(tree) == "aws":
        for (_, name), entry, _ in node_types(tree):
            answered["available_node_types"][name] = {"resources": {}, **entry}
    return answered
