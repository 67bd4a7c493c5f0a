"""What a cluster may become, why one cannot be attached to, and words while nothing comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.tuning.attach import (
    Expected,
    _expected_nodes,
    _grown,
    _refusal,
    launcher_nodes,
    require_cluster,
)
from animesearch.tuning.resources import Node
from animesearch.tuning.waiting import FIRST_S, Wait

ROOT = Path(__file__).parents[2]


def test_auto_reads_ray_address_and_refuses_what_it_cannot_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://10.0.0.1:10001")
    with pytest.raises(UserError, match="Ray Client"):
        require_cluster("auto")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        require_cluster("auto")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("RuntimeError: Version mismatch: The cluster was started with:\n Ray: 2.1", "Ray: 2.1"),
        ("Unauthenticated", "RAY_AUTH_MODE=token"),
        ("RuntimeError: No node info found matching", "is no node of the cluster"),
        ("ConnectionError: Could not find any running Ray instance. x", "ray start --head"),
        ("", "does not answer"),
    ],
)
def test_each_refusal_names_the_way_out(error: str, words: str) -> None:
    assert words in _refusal("h:1", error)


def test_the_limit_of_the_whole_cluster_counts_too() -> None:
    text = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
    assert launcher_nodes(text.replace("max_workers: 4\n\n# How", "max_workers: 2\n\n# How")) == (
        Node(8.0, 1.0, 2),
    )


def test_no_more_machines_are_planned_for_than_may_come_together() -> None:
    """Of several types those with GPUs count first: trials wait for them."""
    kinds = {"small": (4, 0), "large": (8, 1)}
    types = ", ".join(
        f"{name}: {{resources: {{CPU: {cpu}, GPU: {gpu}}}, max_workers: 3}}"
        for name, (cpu, gpu) in kinds.items()
    )
    for most, nodes in (
        (4, (Node(8, 1, 3), Node(4, 0, 1))),
        (3, (Node(8, 1, 3),)),
        (9, (Node(8, 1, 3), Node(4, 0, 3))),
    ):
        assert launcher_nodes(f"max_workers: {most}\navailable_node_types: {{{types}}}") == nodes


def test_machines_that_may_come_join_those_that_are_there() -> None:
    assert _grown((), (Node(8, 1, 4),)) == (Node(8, 1, 4),)
    assert _grown((Node(2, 0), Node(8, 1, 2)), (Node(8, 1, 4),)) == (Node(2, 0), Node(8, 1, 4))
    assert _grown((Node(8, 1, 5),), (Node(8, 1, 4),)) == (Node(8, 1, 5),)


def test_expectations_are_spread_over_machines() -> None:
    assert _expected_nodes((), Expected(32, 4)) == (Node(8, 1, 4),)
    assert _expected_nodes((Node(8, 0),), Expected(cpus=32)) == (Node(8, 0, 4),)
    assert _expected_nodes((Node(16, 2, 2),), Expected(gpus=8)) == (Node(4, 1, 8),)


def test_waiting_is_told_at_growing_distances_and_so_is_its_end() -> None:
    wait = Wait(Node(4, 1), "the cluster at x")
    small, large = (Node(8, 0), Node(2, 1)), (Node(8, 1),)
    assert wait.look(small, 0) == ""
    assert wait.look(small, FIRST_S - 1) == ""
    told = wait.look(small, FIRST_S)
    assert "waiting since 30 s for a machine with 4 CPU, 1 GPU" in told
    assert "1 x {8 CPU}, 1 x {2 CPU, 1 GPU}" in told
    assert wait.look(small, FIRST_S + 5) == ""
    assert wait.look((), 2 * FIRST_S).endswith("`ray status` there tells why none comes")
    assert wait.look(large, 150) == "machines came after 2 min 30 s: 1 x {8 CPU, 1 GPU}"
    assert wait.look(large, 160) == ""
    assert wait.look((), 200) == ""
    assert wait.look(large, 210) == "", "too short to have been told"
