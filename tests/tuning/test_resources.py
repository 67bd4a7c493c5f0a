"""Sharing a machine out: arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from animesearch.errors import UserError
from animesearch.tuning.config import ResourceConfig
from animesearch.tuning.resources import Machine, Node, allot, least

AUTO = ResourceConfig()


def test_auto_on_two_cores() -> None:
    got = allot(AUTO, Machine(2, 0), trials=10, stream=False)
    assert (got.concurrency, got.cpu, got.gpu, got.threads) == (2, 1.0, 0.0, 1)
    assert got.device == "cpu"


def test_auto_gives_a_lone_trial_all_cores() -> None:
    assert allot(AUTO, Machine(8, 0), trials=1, stream=False).cpu == 8


def test_auto_is_one_trial_per_gpu() -> None:
    got = allot(AUTO, Machine(16, 4), trials=10, stream=False)
    assert (got.concurrency, got.cpu, got.gpu, got.device) == (4, 4.0, 1.0, "cuda")


def test_fractions_of_a_gpu() -> None:
    got = allot(ResourceConfig(gpu=0.25), Machine(8, 1), trials=10, stream=False)
    assert (got.concurrency, got.gpu, got.cpu) == (4, 0.25, 2.0)


def test_a_gpu_can_be_left_alone() -> None:
    got = allot(ResourceConfig(gpu=0), Machine(8, 1), trials=10, stream=False)
    assert (got.concurrency, got.device) == (8, "cpu")


def test_streaming_keeps_cpus_for_the_data() -> None:
    got = allot(AUTO, Machine(4, 0), trials=10, stream=True)
    assert got.concurrency * (got.cpu + got.data_cpu) <= 4
    assert got.data_cpu == 1


def test_what_does_not_fit_is_refused_with_the_sum() -> None:
    config = ResourceConfig(concurrency=3, cpu=1)
    with pytest.raises(UserError, match=r"3 trials x 1 CPU = 3 CPU, but this machine has 2"):
        allot(config, Machine(2, 0), trials=10, stream=False)
    with pytest.raises(UserError, match=r"1 GPU = 1 GPU, but this machine has 0"):
        allot(ResourceConfig(gpu=1), Machine(2, 0), trials=1, stream=False)
    with pytest.raises(UserError, match=r"2 CPU = 2 CPU, but this machine has 1"):
        allot(AUTO, Machine(1, 0), trials=1, stream=True)


def test_a_nested_trial_leaves_its_cpus_to_its_worker() -> None:
    got = allot(ResourceConfig(workers=1), Machine(2, 0), trials=4, stream=False)
    assert got.tune_resources["cpu"] < 0.1 and got.threads == 1


def test_several_workers_may_have_every_core() -> None:
    """The trial's own process takes its little from their share."""
    got = allot(ResourceConfig(workers=2), Machine(2, 0), trials=4, stream=False)
    assert (got.concurrency, got.cpu, got.threads, got.loops) == (1, 1.0, 1, 2)
    taken = got.tune_resources["cpu"] + got.workers * got.worker_resources["CPU"]
    assert taken <= 2
    assert str(got) == "1 trial at a time, 2 workers of 1 CPU each"
    assert allot(ResourceConfig(workers=3), Machine(8, 0), 1, stream=False).cpu == 2


def test_several_workers_that_do_not_fit_are_refused_with_the_sum() -> None:
    with pytest.raises(UserError, match=r"1 trial x \(3 workers x 1 CPU\) = 3 CPU, but .* has 2"):
        allot(ResourceConfig(workers=3), Machine(2, 0), trials=4, stream=False)
    two = ResourceConfig(workers=2, concurrency=2)
    with pytest.raises(UserError, match=r"2 trials x \(2 workers x 1 GPU\) = 4 GPU, but .* has 2"):
        allot(two, Machine(16, 2), trials=4, stream=False)
    with pytest.raises(UserError, match=r"\(2 workers x 1 CPU \+ 1 for the data\) = 6 CPU"):
        allot(two, Machine(5, 0), trials=4, stream=True)


def test_each_worker_runs_on_one_node() -> None:
    nodes = Machine(16, 8, nodes=(Node(2, 1, count=8),))
    got = allot(ResourceConfig(workers=4), nodes, trials=10, stream=False)
    assert (got.concurrency, got.cpu, got.gpu) == (2, 2.0, 1.0)
    with pytest.raises(UserError, match=r"2 workers x \{1 CPU, 2 GPU\}, each on one node, .* 0:"):
        allot(ResourceConfig(workers=2, gpu=2), nodes, trials=1, stream=False)
    with pytest.raises(UserError, match=r"\{4 CPU, 1 GPU\}, each on one node"):
        allot(ResourceConfig(workers=2, cpu=4), nodes, trials=1, stream=False)


def test_gpus_are_not_halved_among_workers() -> None:
    with pytest.raises(ValidationError, match=r"2 workers .* not 0\.5; allowed: whole numbers"):
        ResourceConfig(workers=2, gpu=0.5)
    assert ResourceConfig(workers=1, gpu=0.5).gpu == 0.5


@given(
    cpus=st.integers(1, 128),
    gpus=st.integers(0, 8),
    trials=st.integers(1, 200),
    stream=st.booleans(),
    workers=st.integers(0, 5),
)
def test_auto_never_takes_more_than_there_is(
    cpus: int, gpus: int, trials: int, stream: bool, workers: int
) -> None:
    loops = max(1, workers)
    try:
        got = allot(ResourceConfig(workers=workers), Machine(cpus, gpus), trials, stream)
    except UserError:
        fewest = min(1, gpus // loops) if gpus else 1
        assert gpus % max(1, loops) == gpus > 0 or cpus < (loops + stream) * max(1, fewest)
        return
    assert got.concurrency * (loops * got.cpu + got.data_cpu) <= cpus
    reserved = got.tune_resources["cpu"] + workers * got.worker_resources.get("CPU", 0)
    assert reserved <= loops * got.cpu + 1e-9
    assert got.concurrency * loops * got.gpu <= gpus
    assert 1 <= got.concurrency <= trials


def several(*nodes: Node) -> Machine:
    cpus = sum(node.cpus * node.count for node in nodes)
    gpus = sum(node.gpus * node.count for node in nodes)
    return Machine(cpus, gpus, nodes=nodes, cluster=True, name="the cluster at x")


def test_a_trial_runs_on_one_node() -> None:
    """40 cores and 4 GPUs are not 10 cores a trial where four machines have 8 each."""
    machine = several(Node(8, 0), Node(8, 1, 4))
    got = allot(AUTO, machine, trials=10, stream=False)
    assert (got.concurrency, got.cpu, got.gpu) == (4, 8.0, 1.0)
    assert allot(AUTO, several(Node(3, 0, 3)), trials=3, stream=False).cpu == 3.0
    assert allot(AUTO, several(Node(3, 0, 2)), trials=4, stream=False).cpu == 1.0


def test_what_no_node_can_take_is_refused_with_the_nodes() -> None:
    machine = several(Node(4, 0, 2))
    with pytest.raises(UserError, match=r"1 trial x \{6 CPU\}.* holds 0: 2 x \{4 CPU\}"):
        allot(ResourceConfig(concurrency=1, cpu=6), machine, trials=1, stream=False)
    with pytest.raises(UserError, match=r"the cluster at x has 0;.*--expect-gpus"):
        allot(ResourceConfig(gpu=1, concurrency=1), machine, trials=1, stream=False)


def test_the_least_that_a_trial_takes() -> None:
    assert least(AUTO, Machine(8, 2)) == Node(1.0, 1.0)
    assert least(ResourceConfig(cpu=2, gpu=0.5), Machine(8, 2)) == Node(2.0, 0.5)
