"""Ray started for one command, on this machine alone, and taken down with it."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from animesearch.errors import UserError
from animesearch.tuning.resources import Machine

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",  # our own views show the progress
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C raises KeyboardInterrupt, handled in launch
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # progress reports carry no score
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.4",  # how often a Train worker's reports are read
    "RAY_USAGE_STATS_ENABLED": "0",
}


def _refuse_company() -> None:
    """Raise :class:`UserError` where another Ray runs and a nested search would wait for ever.

    The cleaner of a nested Ray Train run asks the State API of whichever Ray it finds first; if
    that is not ours, it takes the controller for alive and never frees the run's resources.
    """
    names = (path for path in Path("/proc").glob("[0-9]*/comm"))
    for name in names:
        with contextlib.suppress(OSError):  # a process that is gone meanwhile
            if name.read_text().strip() == "gcs_server":
                raise UserError(
                    "search.resources.workers above 0 needs a machine on which no other Ray runs "
                    f"(process {name.parent.name} is one): stop it, or leave workers at 0"
                )


@contextmanager
def ray_session(dashboard: bool = False) -> Iterator[Machine]:
    """A Ray of its own on 127.0.0.1; yields what it may use.

    ``dashboard`` is needed for nested Ray Train runs: the cleaner that frees a stopped run's
    resources asks its State API.  An initialised Ray (of a test, say) is used and left running.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    import ray

    mine = not ray.is_initialized()
    if mine:
        if dashboard:
            _refuse_company()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(
                address="local",
                _node_ip_address="127.0.0.1",
                include_dashboard=dashboard,
                dashboard_host="127.0.0.1",
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    for name in ("ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        total = ray.cluster_resources()
        store = float(total.get("object_store_memory", 0)) or math.inf
        yield Machine(float(total.get("CPU", 0)), float(total.get("GPU", 0)), store)
    finally:
        if mine:
            ray.shutdown()
