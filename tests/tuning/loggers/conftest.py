"""One Ray for the loggers' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from animesearch.tuning.cluster_session import ray_session


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with ray_session():
        yield
