"""What machine types of AWS and GCP have, where their names tell it.

A type that is not understood is passed over: new families appear every year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from animesearch.cluster.source import Finding, Key

AWS_TYPE = re.compile(r"(?P<family>[a-z][a-z0-9-]*)\.(?:(?P<times>\d*)x)?large")
G5 = {1: 1, 2: 1, 4: 1, 8: 1, 12: 4, 16: 1, 24: 4, 48: 8}
P5 = {4: 1, 48: 8}
AWS_GPUS: Mapping[str, Mapping[int, int]] = {
    "g4dn": {1: 1, 2: 1, 4: 1, 8: 1, 12: 4, 16: 1},
    **{"g5": G5, "g6": G5, "g6e": G5},
    "p3": {2: 1, 8: 4, 16: 8},
    **{"p4d": {24: 8}, "p4de": {24: 8}},
    **{"p5": P5, "p5e": P5, "p5en": P5},
}
"""GPUs of a family's sizes; the size is the number before ``xlarge``, 1 for none."""
AWS_UNEVEN = ("c4", "d2", "hpc")
"""Families, or their beginnings, whose sizes are not four virtual CPUs each."""
AWS_PLAIN = re.compile(r"(?:[acimrtxz]|hpc)\d.*|d[23].*|u-.*")
"""Families that have no GPU in any size."""

GCP_COUNTED = re.compile(
    r"(?P<family>[a-z]\d[a-z]?)-(?:standard|highmem|highcpu|megamem)-(?P<cpus>\d+)"
)
GCP_GPUS: Mapping[str, Mapping[int, int]] = {
    "g2": {4: 1, 8: 1, 12: 1, 16: 1, 24: 2, 32: 1, 48: 4, 96: 8}
}
GCP_PLAIN = re.compile(r"(?:n\d|e2|c\d|t2|m\d|h\d|z3|x4)[a-z]?")
"""Families that have no GPU of their own; some can be attached to N1."""
GCP_ACCELERATED = re.compile(r"a[23]-[a-z]+-(?P<gpus>\d+)g")
"""``a2-highgpu-1g`` and its kin: the name counts the GPUs."""


@dataclass(frozen=True)
class Hardware:
    """Virtual CPUs and GPUs of a machine type; None where its name does not tell."""

    cpus: int | None = None
    gpus: int | None = None


def aws_hardware(kind: str) -> Hardware:
    """What an EC2 instance type such as ``g5.2xlarge`` has."""
    family = kind.partition(".")[0]
    none = 0 if AWS_PLAIN.fullmatch(family) else None
    found = AWS_TYPE.fullmatch(kind)
    if not found or found["times"] is None or family.startswith(AWS_UNEVEN):
        return Hardware(None, none)
    size = int(found["times"] or 1)
    return Hardware(4 * size, AWS_GPUS[family].get(size) if family in AWS_GPUS else none)


def gcp_hardware(kind: str) -> Hardware:
    """What a Compute Engine machine type such as ``g2-standard-8`` has of its own."""
    name = kind.rpartition("/")[2]
    none = 0 if GCP_PLAIN.fullmatch(name.partition("-")[0]) else None
    if counted := GCP_COUNTED.fullmatch(name):
        cpus = int(counted["cpus"])
        return Hardware(cpus, GCP_GPUS.get(counted["family"], {}).get(cpus, none))
    accelerated = GCP_ACCELERATED.fullmatch(name)
    return Hardware(None, int(accelerated["gpus"]) if accelerated else none)


def resource_findings(
    node_type: Mapping[str, Any], kind: str, has: Hardware, key: Key, asked: bool = False
) -> Iterator[Finding]:
    """Resources that Ray would believe and the machine does not have.

    Ray starts what ``resources`` promise: trials beyond the machine's GPUs would crash, GPUs that
    are not promised would be paid for and stay idle.  ``asked``: Ray asks the cloud for what the
    file does not say.
    """
    told = node_type.get("resources")
    for word, count in (("CPU", has.cpus), ("GPU", has.gpus)):
        promised = told.get(word, None if asked else 0) if isinstance(told, dict) else None
        if count is None or not isinstance(promised, int | float):
            continue
        if promised > count or (word == "GPU" and promised < count):
            message = f"{promised:g} {word}, but a {kind} has {count}"
            yield Finding((*key, "resources", word), message)
