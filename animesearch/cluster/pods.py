"""Pod templates of a Kubernetes manifest: keys, resources, secrets, mounts.

Keys are those of the Kubernetes API v1.  What Kubernetes itself would refuse is told here without
a cluster; what only a cluster knows (are there such nodes, such secrets) is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from animesearch.cluster.credentials import names_secret
from animesearch.cluster.keys import Keys, leaves
from animesearch.cluster.source import Finding, Key
from animesearch.cluster.versions import image_findings

RESOURCES: Keys = leaves("claims limits requests")
SOURCE: Keys = {
    **{word: leaves("key name optional") for word in ("configMapKeyRef", "secretKeyRef")},
    **leaves("fieldRef fileKeyRef resourceFieldRef"),
}
ENV: Keys = {**leaves("name value"), "valueFrom": SOURCE}
ENV_FROM: Keys = {
    **leaves("prefix"),
    "configMapRef": leaves("name optional"),
    "secretRef": leaves("name optional"),
}
MOUNT: Keys = leaves(
    "mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr"
)

CONTAINER: Keys = {
    **leaves(
        "args command image imagePullPolicy lifecycle livenessProbe name readinessProbe"
        " resizePolicy restartPolicy securityContext startupProbe stdin stdinOnce"
        " terminationMessagePath terminationMessagePolicy tty volumeDevices workingDir"
    ),
    "env": ENV,
    "envFrom": ENV_FROM,
    "ports": leaves("containerPort hostIP hostPort name protocol"),
    "resources": RESOURCES,
    "volumeMounts": MOUNT,
}

VOLUME: Keys = {
    **leaves(
        "awsElasticBlockStore azureDisk azureFile cephfs cinder configMap csi downwardAPI"
        " ephemeral fc flexVolume flocker gcePersistentDisk gitRepo glusterfs hostPath image iscsi"
        " name nfs photonPersistentDisk portworxVolume projected quobyte rbd scaleIO secret"
        " storageos vsphereVolume"
    ),
    "emptyDir": leaves("medium sizeLimit"),
    "persistentVolumeClaim": leaves("claimName readOnly"),
}

POD: Keys = {
    **leaves(
        "activeDeadlineSeconds affinity automountServiceAccountToken dnsConfig dnsPolicy"
        " enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers"
        " hostname nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName"
        " readinessGates resourceClaims resources restartPolicy runtimeClassName schedulerName"
        " schedulingGates securityContext serviceAccount serviceAccountName setHostnameAsFQDN"
        " shareProcessNamespace subdomain terminationGracePeriodSeconds topologySpreadConstraints"
    ),
    "containers": CONTAINER,
    "imagePullSecrets": leaves("name"),
    "initContainers": CONTAINER,
    "tolerations": leaves("effect key operator tolerationSeconds value"),
    "volumes": VOLUME,
}

METADATA: Keys = leaves("annotations finalizers generateName labels name namespace ownerReferences")
TEMPLATE: Keys = {"metadata": METADATA, "spec": POD}

QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
UNITS: Mapping[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTP")},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTP")},
}
DEVICE = re.compile(r"[a-z0-9.-]+/[a-z0-9.-]+")
"""An extended resource such as ``nvidia.com/gpu``: whole, and its limit is its request."""


def template_findings(template: object, key: Key) -> Iterator[Finding]:
    """Mistakes in a pod template, apart from unknown keys."""
    pod = template.get("spec") if isinstance(template, dict) else None
    containers = pod.get("containers") if isinstance(pod, dict) else None
    place = (*key, "spec", "containers")
    if not (isinstance(containers, list) and containers and isinstance(pod, dict)):
        yield Finding(place, "a list of containers is required; the first one runs Ray")
        return
    volumes = pod.get("volumes")
    listed = volumes if isinstance(volumes, list) else ()
    names = [one["name"] for one in listed if isinstance(one, dict) and "name" in one]
    for index, container in enumerate(containers):
        if isinstance(container, dict):
            yield from _container(container, names, (*place, index))
        else:
            yield Finding((*place, index), f"must be a mapping, got {container!r}")


def container_findings(container: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    """Resources and environment of a container, or of what has the same two."""
    yield from _resources(container.get("resources"), (*key, "resources"))
    yield from _environment(container.get("env"), (*key, "env"))


def device_count(template: object, device: str = "nvidia.com/gpu") -> int:
    """How many of ``device`` the first container of a template may use."""
    try:
        limits = template["spec"]["containers"][0]["resources"]["limits"]  # type: ignore[index]
        return int(limits[device])
    except (KeyError, IndexError, TypeError, ValueError):
        return 0


def _container(container: Mapping[str, Any], volumes: list[Any], key: Key) -> Iterator[Finding]:
    for word in ("name", "image"):
        if not isinstance(container.get(word), str):
            yield Finding(key, f"'{word}' is required")
    yield from image_findings(container.get("image"), (*key, "image"))
    if "resources" not in container:
        message = "'resources' are required: KubeRay tells Ray the CPUs and memory from them"
        yield Finding(key, message)
    yield from container_findings(container, key)
    mounts = container.get("volumeMounts")
    for index, mount in enumerate(mounts if isinstance(mounts, list) else ()):
        name = mount.get("name") if isinstance(mount, dict) else None
        if name not in volumes:
            known = ", ".join(str(volume) for volume in volumes) or "none"
            message = f"{name!r} is not one of the pod's volumes: {known}"
            yield Finding((*key, "volumeMounts", index), message)


def _environment(env: object, key: Key) -> Iterator[Finding]:
    for index, one in enumerate(env if isinstance(env, list) else ()):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            yield Finding((*key, index), "'name' is required")
            continue
        value = one.get("value", "")
        if not isinstance(value, str):
            message = f"{value!r} is no text: put it in quotes"
            yield Finding((*key, index, "value"), message)
        elif value and names_secret(one["name"]):
            message = f"{one['name']} stands in the file: anyone who reads it has it"
            hint = "take it from a Secret: valueFrom.secretKeyRef, or envFrom.secretRef"
            yield Finding((*key, index, "value"), message, hint)


def _resources(resources: object, key: Key) -> Iterator[Finding]:
    if not isinstance(resources, dict):
        return
    limits, requests = resources.get("limits"), resources.get("requests")
    for part, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items() if isinstance(values, dict) else ():
            yield from _quantity(name, value, (*key, part, name))
    if isinstance(limits, dict) and isinstance(requests, dict):
        yield from _requests(requests, limits, key)


def _quantity(name: str, value: object, key: Key) -> Iterator[Finding]:
    amount = _amount(value)
    if amount is None:
        yield Finding(key, f"{value!r} is no quantity; one is like '8', '500m' or '32Gi'")
    elif DEVICE.fullmatch(name) and amount != int(amount):
        message = f"{value!r}: Kubernetes gives whole devices only"
        hint = "search.resources.gpu: 0.5 puts two trials on one GPU"
        yield Finding(key, message, hint)


def _requests(requests: dict[str, Any], limits: dict[str, Any], key: Key) -> Iterator[Finding]:
    for name, value in requests.items():
        asked, most = _amount(value), _amount(limits.get(name))
        if asked is None or most is None:
            continue
        if asked > most:
            yield Finding(
                (*key, "requests", name), f"{value} is more than the limit, {limits[name]}"
            )
        elif asked < most and DEVICE.fullmatch(name):
            message = f"{value} must be the limit, {limits[name]}: a device is not shared"
            yield Finding((*key, "requests", name), message)


def _amount(value: object) -> Decimal | None:
    """The quantity as a number; None for what is none."""
    found = QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if isinstance(value, bool) or not found:
        return None
    return Decimal(found["number"]) * UNITS[found["unit"] or ""]
