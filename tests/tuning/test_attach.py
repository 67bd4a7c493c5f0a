"""A Ray cluster that is up already."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.tuning.attach import (
    Expected,
    Where,
    check_address,
    launcher_nodes,
    require_cluster,
    where_of,
)
from animesearch.tuning.resources import Node
from tests.tuning.small import SPACE

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:6379", "head.example:6379", "[::1]:6379"])
def test_addresses_of_clusters_are_taken(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("ray://10.0.0.1:10001", "cannot run through Ray Client"),
        ("http://10.0.0.1:8265", "for animesearch submit"),
        ("10.0.0.1", "takes 'auto' or HOST:PORT"),
        ("host:port", "takes 'auto' or HOST:PORT"),
        ("", "takes 'auto' or HOST:PORT"),
    ],
)
def test_other_addresses_are_refused_with_the_way_out(address: str, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        check_address(address)


def test_what_is_expected_needs_a_cluster() -> None:
    assert where_of("auto", 8, None) == Where("auto", Expected(8, None))
    with pytest.raises(UserError, match="give --address too"):
        where_of(None, None, 4)


def test_where_nothing_listens_it_is_said_at_once() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(UserError, match=f"no Ray cluster answers at {address}"):
            require_cluster(address)


def test_the_launcher_s_file_tells_how_far_a_cluster_may_grow() -> None:
    shipped = (ROOT / "cluster.yaml").read_text()
    assert launcher_nodes(shipped) == (Node(8, 1, 4),)
    gcp = (ROOT / "cluster-gcp.yaml").read_text()
    assert [node.gpus for node in launcher_nodes(gcp)] == [1]


@pytest.mark.parametrize("text", ["", "[", "a: 1", "max_workers: x", "available_node_types: 3"])
def test_a_launcher_s_file_that_is_not_understood_tells_nothing(text: str) -> None:
    assert launcher_nodes(text) == ()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two nodes that no process of the test is attached to."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        found.add_node(num_cpus=1)
        yield found.address
        found.shutdown()


@pytest.mark.slow
def test_a_search_runs_on_a_cluster_and_leaves_it_running(address: str, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(SPACE)
    done = _search(space, tmp_path / "run", address)
    assert done.returncode == 0, done.stderr
    assert f"cluster {address}: 2 CPU, 0 GPU now" in " ".join(done.stdout.split())
    assert RunFolder.open(tmp_path / "run").state().outcome == "complete"
    assert require_cluster(address).address == address, "the cluster is still there"


def _search(space: Path, out: Path, address: str) -> subprocess.CompletedProcess[str]:
    command = ["run", "--space", str(space), "--out", str(out), "--address", address]
    return subprocess.run(
        [sys.executable, "-m", "animesearch", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
