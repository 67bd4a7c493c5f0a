"""A stand-in for the Inception weights, made once for all metric tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.metrics.samples import WeightsFile


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads on a busy machine wait for one another; these networks need one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    """A state dict of pytorch-fid's network with seeded random weights that keep the scale."""
    import torch

    from animesearch.metrics.features.inception import fid_inception

    network = fid_inception()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            deviation = (2.0 / parameter[0].numel()) ** 0.5
            parameter.data.normal_(0.0, deviation, generator=generator)
    path = tmp_path_factory.mktemp("weights") / "random_inception.pth"
    torch.save(network.state_dict(), path)
    return WeightsFile(path, hashlib.sha256(path.read_bytes()).hexdigest())
