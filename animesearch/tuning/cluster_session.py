"""The Ray of one command: its own, on this machine alone and taken down with it, or a cluster's."""

from __future__ import annotations

import logging
import math
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from animesearch.errors import UserError
from animesearch.tuning.attach import HERE, Cluster, Where, attached_machine, require_cluster
from animesearch.tuning.resources import Machine

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",  # our own views show the progress
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C raises KeyboardInterrupt, handled in launch
    # Files that nobody here reads, written at every report, with the machine's name in them.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",  # only at the end: the journal is what a search rests on
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # progress reports carry no score
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.4",  # how often a Train worker's reports are read
    "RAY_USAGE_STATS_ENABLED": "0",
}
LOOPBACK = "127.0.0.1"
STATE_API = "RAY_API_SERVER_ADDRESS"
CLEANING = (2, 53)
"""The first Ray whose Train frees the resources of a nested run that was stopped."""


@contextmanager
def _dashboard(wanted: bool) -> Iterator[dict[str, Any]]:
    """Arguments of ``ray.init``; inside, the environment that this session's processes get.

    The cleaner of a nested Ray Train run asks the State API, and without an address it takes
    whichever Ray of the machine it finds first: of one that is not ours it hears that the
    controller is alive for ever, and never frees the run's resources.  So all processes of the
    session are told the address, at a port that nobody else has.
    """
    if not wanted:
        yield {"include_dashboard": False}
        return
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    before = os.environ.get(STATE_API)
    os.environ[STATE_API] = f"http://{LOOPBACK}:{port}"
    try:
        yield {"include_dashboard": True, "dashboard_host": LOOPBACK, "dashboard_port": port}
    finally:
        del os.environ[STATE_API]
        if before is not None:
            os.environ[STATE_API] = before


@contextmanager
def ray_session(dashboard: bool = False, where: Where = HERE) -> Iterator[Machine]:
    """A Ray of its own on 127.0.0.1, or ``where`` there is one; yields what it may use.

    ``dashboard`` is needed for nested Ray Train runs: the cleaner that frees a stopped run's
    resources asks its State API.  An initialised Ray (of a test, say) and a cluster's are left
    running.  Without an address RAY_ADDRESS is not followed: a search on this machine must not
    land on a cluster because a shell was set up for one.

    Raises:
        UserError: there is no such cluster, or it cannot be used from here.
    """
    if dashboard:
        _require_cleaner()
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    import ray

    mine = not ray.is_initialized()
    if mine and where.address:
        _attach(require_cluster(where.address), dashboard)
    elif mine:
        _start(dashboard)
    for name in ("ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield _machine(where)
    finally:
        if mine:
            ray.shutdown()


def _require_cleaner() -> None:
    """Raise :class:`UserError` where stopped trials of worker processes would free nothing."""
    installed = version("ray")
    if tuple(int(part) for part in installed.split(".")[:2]) < CLEANING:
        raise UserError(
            f"search.resources.workers above 0 needs Ray {CLEANING[0]}.{CLEANING[1]} or newer, "
            f"installed is {installed}: what the workers of a stopped trial held would never "
            "become free; allowed: workers 0"
        )


def _start(dashboard: bool) -> None:
    import ray

    with warnings.catch_warnings(), _dashboard(dashboard) as options:
        warnings.simplefilter("ignore")
        ray.init(
            address="local",
            _node_ip_address=LOOPBACK,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **options,
        )


def _attach(cluster: Cluster, nested: bool) -> None:
    """Processes of a cluster do not have this one's environment: what they need is sent along."""
    import ray

    words = {name: os.environ[name] for name in QUIET}
    if nested:
        words[STATE_API] = f"http://{_state_api(cluster)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            address=cluster.address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": words},
        )


def _state_api(cluster: Cluster) -> str:
    """Where the processes of a nested Ray Train run can ask whether it still lives."""
    if not cluster.dashboard:
        raise UserError(
            f"search.resources.workers above 0 needs the dashboard of the cluster at "
            f"{cluster.address}: start its head with --include-dashboard=true"
        )
    return cluster.dashboard


def _machine(where: Where) -> Machine:
    import ray

    if where.address:
        address = ray.get_runtime_context().gcs_address
        return attached_machine(address, where.expected)
    total = ray.cluster_resources()
    store = float(total.get("object_store_memory", 0)) or math.inf
    other = os.environ.get("RAY_ADDRESS", "")
    note = f"RAY_ADDRESS ({other}) is not followed; --address auto uses that cluster"
    cpus, gpus = float(total.get("CPU", 0)), float(total.get("GPU", 0))
    return Machine(cpus, gpus, store, note=note if other else "")
