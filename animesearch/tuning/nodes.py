"""What all nodes of a cluster must see: the run, and the images."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from animesearch.datasets.shared import PackedAt
from animesearch.errors import DataError, UserError
from animesearch.results.folder import RunFolder
from animesearch.storage.faults import told

if TYPE_CHECKING:
    from animesearch.datasets.packed import PackedDataset

T = TypeVar("T")
LOOK_S: Final = 120.0
"""Seconds for a node to say what it sees; a process may have to start there first."""


def living_nodes() -> dict[str, str]:
    """Names of the nodes by their ids."""
    import ray

    living = [node for node in ray.nodes() if node["Alive"]]
    return {str(node["NodeID"]): str(node["NodeManagerHostname"]) for node in living}


def other_nodes() -> dict[str, str]:
    """As :func:`living_nodes`, without the driver's own."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    return {node: name for node, name in living_nodes().items() if node != own}


def problems_on(nodes: Mapping[str, str], look: Callable[[T], str], at: T) -> dict[str, str]:
    """What ``look(at)`` finds wrong on each of the nodes, by the node's name; it says '' where all
    is well.  A node that goes meanwhile, as idle and spot machines do, is no problem any more."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = {}
    for node in nodes:
        pinned = NodeAffinitySchedulingStrategy(node, soft=False)
        task = ray.remote(num_cpus=0, max_retries=0)(look).options(scheduling_strategy=pinned)
        asked[node] = task.remote(at)
    found = {node: problem for node, task in asked.items() if (problem := _answer(task))}
    living = living_nodes() if found else {}
    return {
        f"{nodes[node]} (node {node[:8]})": problem
        for node, problem in found.items()
        if node in living
    }


def _answer(task: Any) -> str:
    import ray

    try:
        return str(ray.get(task, timeout=LOOK_S))
    except ray.exceptions.RayError as error:
        return f"does not answer: {(str(error).strip().splitlines() or [''])[-1]}"


def check_run(run: RunFolder) -> None:
    """Raise :class:`UserError` unless every node sees where the run is going to live.

    Trials write into its folder wherever they run: on a node that does not see it their files
    would be lost.  A store is looked for on the driver's own node too: processes that Ray starts
    there may have another environment.  Nodes that join later look for themselves.
    """
    if run.uri:
        unseen = problems_on(living_nodes(), store_problem, run.uri)
        need = "reach the store"
    else:
        unseen, need = _unseen_folder(run.path), "see the run folder"
    if unseen:
        node, why = next(iter(unseen.items()))
        advice = (
            "its processes need credentials of their own (an instance's role, or the environment "
            "of 'ray start')"
            if run.uri
            else "choose a folder that is mounted on all nodes, or a URI (--out s3://bucket/runs/x)"
        )
        raise UserError(
            f"{len(unseen)} of the cluster's nodes cannot {need} {run.place}; {node}: {why}; "
            f"{advice}"
        )


def _unseen_folder(path: Path) -> dict[str, str]:
    """By a file that is there for a moment, in the folder or the nearest one above it."""
    nodes = other_nodes()
    if not nodes:
        return {}
    place = next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())
    probe = place / f".animesearch-{secrets.token_hex(8)}"
    try:
        probe.touch()
    except OSError as error:
        raise UserError(f"cannot write in {place}: {error}") from error
    try:
        return problems_on(nodes, file_problem, str(probe))
    finally:
        probe.unlink(missing_ok=True)


def file_problem(path: str) -> str:
    """Whether a file is seen here."""
    return "" if Path(path).is_file() else f"{Path(path).parent} is another folder there"


def store_problem(uri: str) -> str:
    """Whether a store can be read here."""
    from animesearch.storage.store import Store

    try:
        Store.open(uri).top()
    except UserError as error:
        return told(error)
    return ""


def packed_problem(at: PackedAt) -> str:
    """Whether a packed set is seen here."""
    try:
        at.open()
    except UserError as error:
        return told(error)
    return ""


def shared_images(
    packed: PackedDataset, streamed: bool, uri: str, progress: Callable[[str, int, int], None]
) -> Any:
    """The images as tasks and trials on any node take them.

    A reference to the whole array in the object store; of a set that is ``streamed`` the place,
    which all nodes must see: the folder, else a copy below ``uri``, where the run lives.  Raises
    :class:`DataError` where there is neither.
    """
    import ray

    if not streamed:
        return ray.put(packed.images_NCHW)
    here = PackedAt(packed.folder, packed.pixels_digest)
    unseen = problems_on(other_nodes(), packed_problem, here)
    if not unseen:
        return here
    if not uri:
        node, why = next(iter(unseen.items()))
        raise DataError(
            f"dataset.mode stream: the prepared images lie in {packed.folder}, which "
            f"{len(unseen)} of the cluster's nodes do not see ({node}: {why}); let "
            "ANIMESEARCH_CACHE name a folder that is mounted on all nodes, or give the run a URI "
            "(--out s3://bucket/runs/x), which the images are then brought to"
        )
    return _uploaded(packed, uri, progress)


def _uploaded(
    packed: PackedDataset, uri: str, progress: Callable[[str, int, int], None]
) -> PackedAt:
    from animesearch.datasets.shared import upload
    from animesearch.results.stored import PACKED
    from animesearch.storage.places import below
    from animesearch.storage.store import Store

    place = below(uri, f"{PACKED}/{packed.pixels_digest[:32]}")
    upload(packed, Store.open(place), partial(progress, "images to the store (bytes)"))
    return PackedAt(packed.folder, packed.pixels_digest, place)
