"""A KubeRay ``RayJob`` manifest: its keys, and checks without a cluster.

KubeRay's operator refuses little before pods start, and Kubernetes drops unknown keys with a
warning at most, so a misspelt ``maxReplicas`` shows on the bill.  Keys are those of the resources
of ``ray.io/v1`` up to KubeRay 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from animesearch.cluster.keys import Keys, leaves, unknown_keys
from animesearch.cluster.pods import (
    ENV,
    ENV_FROM,
    METADATA,
    MOUNT,
    RESOURCES,
    TEMPLATE,
    container_findings,
    device_count,
    template_findings,
)
from animesearch.cluster.runtimeenv import runtime_env_findings
from animesearch.cluster.source import Finding, Key
from animesearch.cluster.versions import image_findings, version_findings
from animesearch.errors import did_you_mean

API, KIND = "ray.io/v1", "RayJob"
LONGEST_NAME = 47
"""Characters: KubeRay makes longer names of it, and Kubernetes allows 63."""
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
EXPECTED = re.compile(r"--expect-gpus[=\s]+(?P<count>\d+(?:\.\d+)?)")

AUTOSCALER: Keys = {
    **leaves("idleTimeoutSeconds image imagePullPolicy securityContext upscalingMode version"),
    "env": ENV,
    "envFrom": ENV_FROM,
    "resources": RESOURCES,
    "volumeMounts": MOUNT,
}
HEAD: Keys = {
    **leaves("enableIngress headService labels rayStartParams resources serviceType"),
    "template": TEMPLATE,
}
WORKERS: Keys = {
    **leaves(
        "groupName idleTimeoutSeconds labels maxReplicas minReplicas numOfHosts rayStartParams"
        " replicas resources suspend"
    ),
    "scaleStrategy": leaves("workersToDelete"),
    "template": TEMPLATE,
}
CLUSTER: Keys = {
    **leaves(
        "enableInTreeAutoscaling headServiceAnnotations historyServerOptions managedBy"
        " networkPolicy rayVersion suspend"
    ),
    "authOptions": leaves("enableK8sTokenAuth mode secretName"),
    "autoscalerOptions": AUTOSCALER,
    "gcsFaultToleranceOptions": leaves(
        "backend externalStorageNamespace redisAddress redisPassword redisUsername storage"
    ),
    "headGroupSpec": HEAD,
    "tlsOptions": leaves("enabled"),
    "upgradeStrategy": leaves("type"),
    "workerGroupSpecs": WORKERS,
}
SPEC: Keys = {
    **leaves(
        "activeDeadlineSeconds backoffLimit clusterSelector deletionStrategy entrypoint"
        " entrypointNumCpus entrypointNumGpus entrypointResources jobId managedBy metadata"
        " preRunningDeadlineSeconds runtimeEnvYAML shutdownAfterJobFinishes submissionMode suspend"
        " ttlSecondsAfterFinished"
    ),
    "rayClusterSpec": CLUSTER,
    "submitterConfig": leaves("backoffLimit"),
    "submitterPodTemplate": TEMPLATE,
}
MANIFEST: Keys = {**leaves("apiVersion kind"), "metadata": METADATA, "spec": SPEC}

WORDS: Mapping[Key, tuple[str, ...]] = {
    ("submissionMode",): ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    ("rayClusterSpec", "authOptions", "mode"): ("token", "disabled"),
    ("rayClusterSpec", "autoscalerOptions", "upscalingMode"): (
        *("Default", "Aggressive", "Conservative"),
    ),
    ("rayClusterSpec", "autoscalerOptions", "version"): ("v1", "v2"),
}
"""Values that are words of a list, by their place in ``spec``."""

KINDS: Mapping[Key, type] = {
    **{
        (word,): int
        for word in ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    },
    ("rayClusterSpec", "autoscalerOptions", "idleTimeoutSeconds"): int,
    ("rayClusterSpec", "enableInTreeAutoscaling"): bool,
    ("shutdownAfterJobFinishes",): bool,
    ("suspend",): bool,
}
"""Whole numbers, and true or false, by their place in ``spec``."""


def is_manifest(tree: Mapping[str, Any]) -> bool:
    """Whether this is meant for Kubernetes rather than for Ray's cluster launcher."""
    return "apiVersion" in tree or "kind" in tree


def kuberay_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Every mistake in a ``RayJob`` manifest."""
    if tree.get("kind") != KIND:
        message = f"{tree.get('kind')!r} is not {KIND!r}, the one kind that is checked here"
        yield Finding(("kind",), message, did_you_mean(str(tree.get("kind")), [KIND]))
        return
    if tree.get("apiVersion") != API:
        yield Finding(("apiVersion",), f"{tree.get('apiVersion')!r} is not {API!r}")
    yield from unknown_keys(tree, MANIFEST, ())
    yield from _name(tree.get("metadata"))
    spec = tree.get("spec")
    if isinstance(spec, dict):
        yield from _spec(spec, ("spec",))
    else:
        yield Finding(("spec",), "must be a mapping")


def _name(metadata: object) -> Iterator[Finding]:
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if name is None and isinstance(metadata, dict) and "generateName" in metadata:
        return
    if not (isinstance(name, str) and NAME.fullmatch(name) and len(name) <= LONGEST_NAME):
        message = f"{name!r}: a name of 1 to {LONGEST_NAME} small letters, digits and hyphens"
        yield Finding(("metadata", "name"), message)


def _spec(spec: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    interactive = spec.get("submissionMode") == "InteractiveMode"
    entrypoint = spec.get("entrypoint")
    if not interactive and not (isinstance(entrypoint, str) and entrypoint.strip()):
        yield Finding((*key, "entrypoint"), "the command to run is required")
    for place, words in WORDS.items():
        yield from _word(spec, place, words, key)
    for place, kind in KINDS.items():
        value = _at(spec, place)
        if value is not None and type(value) is not kind:
            wanted = "a whole number" if kind is int else "true or false"
            yield Finding((*key, *place), f"must be {wanted}, got {value!r}")
    yield from runtime_env_findings(spec.get("runtimeEnvYAML"), (*key, "runtimeEnvYAML"))
    if spec.get("ttlSecondsAfterFinished") and spec.get("shutdownAfterJobFinishes") is not True:
        message = "does nothing without shutdownAfterJobFinishes: true"
        yield Finding((*key, "ttlSecondsAfterFinished"), message)
    if "submitterPodTemplate" in spec:
        yield from template_findings(spec["submitterPodTemplate"], (*key, "submitterPodTemplate"))
    cluster = spec.get("rayClusterSpec")
    if isinstance(cluster, dict):
        yield from _cluster(cluster, (*key, "rayClusterSpec"))
        yield from _promises(entrypoint, cluster, (*key, "entrypoint"))
    elif cluster is not None or not spec.get("clusterSelector"):
        yield Finding((*key, "rayClusterSpec"), "a mapping is required (or a clusterSelector)")


def _promises(entrypoint: object, cluster: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    """More GPUs that a search is to plan for than can come: it would wait for them."""
    found = EXPECTED.search(entrypoint) if isinstance(entrypoint, str) else None
    groups = cluster.get("workerGroupSpecs")
    listed = [one for one in (groups if isinstance(groups, list) else ()) if isinstance(one, dict)]
    counts = [(device_count(one.get("template")), one.get("maxReplicas")) for one in listed]
    there = sum(each * most for each, most in counts if isinstance(most, int))
    if found and float(found["count"]) > there:
        message = f"--expect-gpus {found['count']}, but all workers together have {there}"
        yield Finding(key, message, "nvidia.com/gpu among their limits, times maxReplicas")


def _word(
    spec: Mapping[str, Any], place: Key, words: tuple[str, ...], key: Key
) -> Iterator[Finding]:
    value = _at(spec, place)
    if value is not None and value not in words:
        message = f"{value!r} is not one of {', '.join(words)}"
        yield Finding((*key, *place), message, did_you_mean(str(value), words))


def _at(spec: Mapping[str, Any], place: Key) -> Any:
    """What stands there; None where there is nothing."""
    value: Any = spec
    for part in place:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _cluster(cluster: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    if "rayVersion" in cluster:
        yield from version_findings(cluster["rayVersion"], (*key, "rayVersion"))
    else:
        yield Finding((*key, "rayVersion"), "is required: KubeRay chooses commands by it")
    head, place = cluster.get("headGroupSpec"), (*key, "headGroupSpec")
    if isinstance(head, dict):
        yield from _group(head, place)
    else:
        yield Finding(place, "is required")
    yield from _autoscaler(cluster.get("autoscalerOptions"), (*key, "autoscalerOptions"))
    groups = cluster.get("workerGroupSpecs")
    names: list[object] = []
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        place = (*key, "workerGroupSpecs", index)
        if isinstance(group, dict):
            yield from _workers(group, names, place)
            yield from _growth(group, cluster.get("enableInTreeAutoscaling") is True, place)
        else:
            yield Finding(place, f"must be a mapping, got {group!r}")


def _autoscaler(options: object, key: Key) -> Iterator[Finding]:
    if isinstance(options, dict):
        yield from image_findings(options.get("image"), (*key, "image"))
        yield from container_findings(options, key)


def _group(group: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    """Head or workers."""
    params = group.get("rayStartParams")
    for word, value in params.items() if isinstance(params, dict) else ():
        if not isinstance(value, str):
            message = f"{value!r} is no text: put it in quotes"
            yield Finding((*key, "rayStartParams", word), message)
    template = group.get("template")
    yield from template_findings(template, (*key, "template"))
    told = params.get("num-gpus") if isinstance(params, dict) else None
    there = device_count(template)
    if isinstance(told, str) and told.isdigit() and int(told) != there:
        message = f"{told} GPUs, but the container's limit of nvidia.com/gpu is {there}"
        yield Finding((*key, "rayStartParams", "num-gpus"), message)


def _workers(group: Mapping[str, Any], names: list[object], key: Key) -> Iterator[Finding]:
    name = group.get("groupName")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        message = f"{name!r}: a name of small letters, digits and hyphens"
        yield Finding((*key, "groupName"), message)
    elif name in names:
        yield Finding((*key, "groupName"), f"{name!r} stands twice")
    names.append(name)
    yield from _group(group, key)


def _growth(group: Mapping[str, Any], grows: bool, key: Key) -> Iterator[Finding]:
    """``minReplicas <= replicas <= maxReplicas``, and a way to get above 0."""
    counts: dict[str, int] = {}
    for word in ("minReplicas", "replicas", "maxReplicas"):
        value = group.get(word, 0 if word != "maxReplicas" else None)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            yield Finding((*key, word), f"must be a whole number of 0 or more, got {value!r}")
        else:
            counts[word] = value
    if len(counts) < 3:
        return
    low, start, high = counts.values()
    if low > high:
        yield Finding((*key, "minReplicas"), f"{low} is more than maxReplicas, {high}")
    elif not low <= start <= high:
        message = f"{start} is not between minReplicas, {low}, and maxReplicas, {high}"
        yield Finding((*key, "replicas"), message)
    elif start == 0 and not grows:
        message = "0, and enableInTreeAutoscaling is not true: no worker would ever start"
        yield Finding((*key, "replicas"), message)
