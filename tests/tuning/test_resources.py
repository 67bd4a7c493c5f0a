"""Sharing a machine out: arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.errors import UserError
from animesearch.tuning.config import ResourceConfig
from animesearch.tuning.resources import Machine, allot

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


@given(
    cpus=st.integers(1, 128),
    gpus=st.integers(0, 8),
    trials=st.integers(1, 200),
    stream=st.booleans(),
)
def test_auto_never_takes_more_than_there_is(
    cpus: int, gpus: int, trials: int, stream: bool
) -> None:
    try:
        got = allot(AUTO, Machine(cpus, gpus), trials, stream)
    except UserError:
        assert cpus < (2 if stream else 1) * max(1, gpus)
        return
    assert got.concurrency * (got.cpu + got.data_cpu) <= cpus
    assert got.concurrency * got.gpu <= gpus
    assert 1 <= got.concurrency <= trials
