"""A whole node dies, with the trial that runs there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.driver import drive
from tests.faults.machines import SOON, Machines, machines
from tests.faults.saboteur import strike_at

TRIALS, REPORTS = 12, 24
"""At least so many scores arrive."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Machines]:
    with machines(nodes=2, _system_config=SOON) as found:
        yield found


def test_a_node(ray: Machines, tmp_path: Path) -> None:
    """SIGKILL of the raylet at five moments of one search; each time another node joins then."""

    def strike(pid: int) -> None:
        ray.lose(pid)
        ray.add()

    at, struck = moments(7, REPORTS), list[int]()
    with ThreadPoolExecutor(1) as pool:  # a node can be started in the main thread only
        search = pool.submit(drive, tmp_path, TRIALS, seconds=0.1)
        strike_at(tmp_path, at, strike, struck)
        complete, _ = search.result(timeout=120)
    assert complete and len(set(struck)) == len(at)
    state = same_search(tmp_path, TRIALS)
    assert any(trial.attempt > 1 for trial in state.trials.values())
    nothing_left(tmp_path)
