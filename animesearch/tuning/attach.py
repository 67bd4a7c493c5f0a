"""A Ray cluster that is up already: is it reachable, and how large may it become."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from animesearch.errors import UserError
from animesearch.storage.faults import without_secrets
from animesearch.tuning.resources import Machine, Node

AUTO = "auto"
PORT_PATIENCE_S = 5.0
PROBE_PATIENCE_S = 40.0
"""Seconds for a process of its own to import Ray and to attach; on a busy machine the import is
most of it."""
GCS_PATIENCE_S = "10"
BOOTSTRAP = "~/ray_bootstrap_config.yaml"
HEAD_MARK = "node:__internal_head__"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
MANY = 10_000
"""Stands for a node type that the autoscaler does not limit."""
NO_TOKEN = re.compile(r"InvalidAuthToken|Unauthenticated|AuthenticationError")
PROBE = """
import json, logging, sys
import ray
try:
    found = ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
    address = ray.get_runtime_context().gcs_address
    print(json.dumps({"address": address, "dashboard": found.dashboard_url or ""}))
except BaseException as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
"""


@dataclass(frozen=True)
class Expected:
    """What a cluster will have that does not say so itself; None: ask it."""

    cpus: float | None = None
    gpus: float | None = None


@dataclass(frozen=True)
class Where:
    """Which Ray a command uses: a live cluster's, or without an ``address`` one of its own."""

    address: str = ""
    expected: Expected = Expected()

    def __post_init__(self) -> None:
        if self.expected != Expected() and not self.address:
            raise UserError("--expect-cpus and --expect-gpus are for a cluster: give --address too")


HERE = Where()


def where_of(address: str | None, cpus: float | None, gpus: float | None) -> Where:
    """What the command line's options say; :class:`UserError` where they do not go together."""
    if address is not None:
        check_address(address)
    return Where(address or "", Expected(cpus, gpus))


@dataclass(frozen=True)
class Cluster:
    """A cluster that can be attached to: ``HOST:PORT`` of its GCS and of its dashboard, if any."""

    address: str
    dashboard: str


def check_address(address: str) -> str:
    """``auto`` or ``HOST:PORT``; :class:`UserError` for every other way of naming a cluster."""
    shown = without_secrets(address)
    if address.startswith("ray://"):
        raise UserError(
            f"{shown}: a search cannot run through Ray Client. Its driver decides and writes the "
            "journal, and Ray Client would run Tune's part of it in a process on the cluster; send "
            "the whole search there: animesearch submit --space FILE --address "
            f"http://{_host(address)}:8265"
        )
    if "://" in address:
        raise UserError(
            f"{shown}: --address takes 'auto' or the HOST:PORT of a cluster's GCS (port 6379 "
            "unless changed); a dashboard's address is for animesearch submit --address"
        )
    if address != AUTO and not re.fullmatch(r"\[?[\w.:-]+\]?:\d{1,5}", address):
        raise UserError(f"{address!r}: --address takes 'auto' or HOST:PORT, such as 10.0.0.1:6379")
    return address


def require_cluster(address: str) -> Cluster:
    """The cluster at ``address``, to which this process may attach.

    Ray itself waits for minutes for a cluster that is not there and may end the process, so a
    process of its own tries first.

    Raises:
        UserError: nothing answers, this machine is no node of it, versions differ, a token is
            missing.
    """
    named = check_address(address)
    if named == AUTO:
        named = check_address(os.environ.get("RAY_ADDRESS") or AUTO)  # as Ray itself reads 'auto'
    if named != AUTO:
        _require_port(named)
    answer = _probe(address)
    if "address" in answer:
        return Cluster(str(answer["address"]), str(answer["dashboard"]))
    raise UserError(_refusal(address, str(answer.get("error", ""))))


def _require_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PORT_PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"no Ray cluster answers at {address} ({error}); --address takes the HOST:PORT of a "
            "cluster's GCS, or 'auto' on one of its machines"
        ) from error


def _probe(address: str) -> dict[str, Any]:
    """What a process of its own found: the cluster, or an ``error``."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != JOB_CONFIG},
        "RAY_gcs_server_request_timeout_seconds": GCS_PATIENCE_S,
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROBE, address],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        out, said = _watched(process)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {"error": said or "no answer"}
    if "error" in found and NO_TOKEN.search(said):
        found["error"] = "Unauthenticated"
    return found


def _watched(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Both outputs of a process that is ended when it takes too long, or is refused for good."""
    end = threading.Timer(PROBE_PATIENCE_S, process.kill)
    end.start()
    said = []
    try:
        for line in process.stderr or ():
            said.append(line)
            if NO_TOKEN.search(line):  # Ray would go on trying
                process.kill()
        return (process.stdout.read() if process.stdout else ""), "".join(said)
    finally:
        end.cancel()


def _refusal(address: str, error: str) -> str:
    """What kept Ray from attaching, and the way out."""
    instead = "or send it as a job: animesearch submit --space FILE --address http://HOST:8265"
    if "Version mismatch" in error:
        return (
            f"the cluster at {address} runs other versions than this process; install its Ray and "
            f"Python here, {instead}\n{error.partition(': ')[2].strip()}"
        )
    if NO_TOKEN.search(error):
        return (
            f"the cluster at {address} asks for its token: set RAY_AUTH_MODE=token, with the token "
            "in ~/.ray/auth_token, RAY_AUTH_TOKEN_PATH or RAY_AUTH_TOKEN"
        )
    if "No node info found" in error:
        return (
            f"this machine is no node of the cluster at {address}, and a search must run on one: "
            f"log in there, {instead}"
        )
    if "Could not find any running Ray instance" in error:
        return f"no Ray cluster runs on this machine; start one (ray start --head), {instead}"
    lines = [line for line in error.splitlines() if line.strip()]
    last = lines[-1].strip()[:300] if lines else "it does not answer"
    return f"no Ray cluster could be attached to at {address}: {last}"


def attached_machine(address: str, expected: Expected) -> Machine:
    """What the cluster has and may come to have; Ray must be attached."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    resources = [node["Resources"] for node in alive]
    there = machines_now()
    most = _autoscaler_nodes(on_head=_is_head(alive))
    nodes, why = _grown(there, most), "as its autoscaler may start"
    if expected != Expected():
        nodes, why = _expected_nodes(nodes, expected), "as --expect-cpus and --expect-gpus say"
    cpus, gpus = _sums(nodes)
    store = min((float(one.get("object_store_memory", 0)) for one in resources), default=0.0)
    return Machine(
        cpus=cpus,
        gpus=gpus,
        store=store or float("inf"),
        nodes=nodes,
        cluster=True,
        name=f"the cluster at {address}",
        note=_told(address, there, nodes, why),
    )


def _autoscaler_nodes(on_head: bool) -> tuple[Node, ...]:
    """The most that the autoscaler may start, none where nothing here tells.

    Some platforms publish it to Ray's own libraries; Ray's cluster launcher leaves its file on the
    head, where a submitted job runs.  KubeRay does neither.
    """
    from ray._private.state import state

    config = getattr(state, "get_cluster_config", lambda: None)()
    if config is not None:
        return _some(
            Node(
                float(group.resources.get("CPU", 0)),
                float(group.resources.get("GPU", 0)),
                MANY if group.max_count < 0 else int(group.max_count),
            )
            for group in config.node_group_configs
        )
    file = Path(BOOTSTRAP).expanduser()
    return launcher_nodes(file.read_text(encoding="utf-8")) if on_head and file.is_file() else ()


def launcher_nodes(text: str) -> tuple[Node, ...]:
    """The most that a launcher file allows; none for a text that is not understood."""
    import yaml

    try:
        config = yaml.safe_load(text)
        most = int(config.get("max_workers", MANY))
        nodes = [
            Node(
                float(kind["resources"].get("CPU", 0)),
                float(kind["resources"].get("GPU", 0)),
                int(kind.get("max_workers", most)),
            )
            for kind in config["available_node_types"].values()
        ]
        return _some(_together(nodes, most))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        return ()


def _together(nodes: Iterable[Node], most: int) -> Iterator[Node]:
    """At most so many machines in all; those with the most GPUs first, which trials wait for."""
    for node in sorted(nodes, key=lambda one: (-one.gpus, -one.cpus)):
        count = min(node.count, most)
        most -= count
        yield replace(node, count=count)


def _is_head(alive: list[Mapping[str, Any]]) -> bool:
    import ray

    here = ray.get_runtime_context().get_node_id()
    return any(n["NodeID"] == here and HEAD_MARK in n["Resources"] for n in alive)


def machines_now() -> tuple[Node, ...]:
    """The machines of the attached cluster on which a trial can run, equal ones together."""
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    shapes = Counter((float(n.get("CPU", 0)), float(n.get("GPU", 0))) for n in alive)
    return _some(Node(cpus, gpus, count) for (cpus, gpus), count in shapes.items())


def _some(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Those on which a trial can run."""
    return tuple(node for node in nodes if node.cpus >= 1 and node.count > 0)


def _grown(there: tuple[Node, ...], most: tuple[Node, ...]) -> tuple[Node, ...]:
    """The machines that are there and those that may come; equal ones count once."""
    counts = {(node.cpus, node.gpus): node.count for node in there}
    for node in most:
        counts[node.cpus, node.gpus] = max(node.count, counts.get((node.cpus, node.gpus), 0))
    return tuple(Node(cpus, gpus, count) for (cpus, gpus), count in counts.items())


def _expected_nodes(known: tuple[Node, ...], expected: Expected) -> tuple[Node, ...]:
    """What was told, one GPU on each machine, or without any as many cores as the known ones have.

    Larger machines hold these as well, so a trial that fits here will fit there.
    """
    cpus, gpus = _sums(known)
    cpus = cpus if expected.cpus is None else expected.cpus
    gpus = gpus if expected.gpus is None else expected.gpus
    widest = max((node.cpus for node in known), default=1.0)
    count = max(1, int(gpus) if gpus else int(cpus // widest))
    return _some([Node(cpus / count, gpus / count, count)])


def _sums(nodes: tuple[Node, ...]) -> tuple[float, float]:
    return (
        sum(node.cpus * node.count for node in nodes),
        sum(node.gpus * node.count for node in nodes),
    )


def _told(address: str, there: tuple[Node, ...], nodes: tuple[Node, ...], why: str) -> str:
    """Such as ``0 CPU, 0 GPU now; planned for 32 CPU, 4 GPU = 4 x {8 CPU, 1 GPU}``."""
    now = "{:g} CPU, {:g} GPU now".format(*_sums(there))
    if nodes == there:
        return f"cluster {address}: {now}"
    spread = " + ".join(str(node) for node in nodes) or "nothing"
    total = "{:g} CPU, {:g} GPU".format(*_sums(nodes))
    return f"cluster {address}: {now}; planned for {total} = {spread}, {why}"


def _host(address: str) -> str:
    """Of a URL, without a user."""
    place = address.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return place.rpartition(":")[0] or "HOST"
