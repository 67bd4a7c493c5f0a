"""Versions of Ray and Python that a cluster file names, against those installed here.

A cluster runs one version of Ray; a driver or a job submitted from another one is refused by Ray
or, worse, half understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from animesearch.cluster.source import Finding, Key

IMAGE = re.compile(r"(?:^|[^a-z])ray(?:-ml|-llm)?[:_-]?v?(?P<ray>\d+\.\d+\.\d+)")
"""``rayproject/ray:2.60.0-py311`` and names of one's own such as ``mine:ray-2.60.0``."""
IMAGE_PYTHON = re.compile(r"-py3(?P<minor>\d+)\b")
INSTALL = re.compile(r"\bray(?:\[[^\]]*\])?\s*==\s*(?P<ray>\d+\.\d+\.\d+)")
OLDEST_PYTHON = 11


def installed_ray() -> str:
    """The version of Ray here."""
    from importlib.metadata import version

    return version("ray")


def images_of(tree: Mapping[str, Any]) -> dict[Key, object]:
    """The docker images of a launcher file, by the place where they stand."""
    types = tree.get("available_node_types")
    named = types.items() if isinstance(types, dict) else ()
    places: list[tuple[Key, object]] = [((), tree)]
    places += [(("available_node_types", name), one) for name, one in named]
    found = {}
    for key, section in places:
        docker = section.get("docker") if isinstance(section, Mapping) else None
        for word in ("image", "head_image", "worker_image"):
            if isinstance(docker, dict) and docker.get(word):
                found[*key, "docker", word] = docker[word]
    return found


def image_findings(image: object, key: Key) -> Iterator[Finding]:
    """A docker image of another Ray, or of a Python that is too old for this package.

    An image whose name does not tell is passed over.
    """
    if not isinstance(image, str):
        return
    found = IMAGE.search(image)
    if found and found["ray"] != installed_ray():
        message = f"{image!r} has Ray {found['ray']}, but {installed_ray()} is installed here"
        yield Finding(key, message, "one cluster runs one version")
    python = IMAGE_PYTHON.search(image)
    if python and int(python["minor"]) < OLDEST_PYTHON:
        message = f"{image!r} has Python 3.{python['minor']}; animesearch needs 3.{OLDEST_PYTHON}"
        yield Finding(key, message)


def python_findings(images: Mapping[Key, object]) -> Iterator[Finding]:
    """Images of different Pythons, which cannot read each other's functions."""
    told = {key: IMAGE_PYTHON.search(str(image)) for key, image in images.items()}
    minors = {key: found["minor"] for key, found in told.items() if found}
    for key, minor in list(minors.items())[1:]:
        if minor != (first := next(iter(minors.values()))):
            message = f"{images[key]!r} has Python 3.{minor}, another image 3.{first}"
            yield Finding(key, message, "one cluster runs one Python")


def command_findings(command: object, key: Key) -> Iterator[Finding]:
    """A set-up command that installs another Ray."""
    found = INSTALL.search(command) if isinstance(command, str) else None
    if found and found["ray"] != installed_ray():
        message = f"installs Ray {found['ray']}, but {installed_ray()} is installed here"
        yield Finding(key, message, "one cluster runs one version")


def version_findings(version: object, key: Key) -> Iterator[Finding]:
    """A version that stands alone, such as KubeRay's ``rayVersion``."""
    if str(version) != installed_ray():
        message = f"{version} is not the Ray that is installed here, {installed_ray()}"
        yield Finding(key, message, "one cluster runs one version")
