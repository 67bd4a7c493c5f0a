"""One cluster for all faults of what a search keeps: starting it takes longer than some of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.keeping.search import environment_of_processes
from tests.faults.machines import Machines, machines
from tests.storage.servers import S3


@pytest.fixture(scope="package")
def ray(running_s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A node with a GPU; its processes know the way to the store."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (running_s3.environment | environment_of_processes()).items():
            patch.setenv(name, value)
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        with machines(nodes=1) as found:
            yield found
