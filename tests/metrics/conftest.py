"""A stand-in for the Inception weights, made once for all metric tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.metrics.samples import WeightsFile, smooth_images


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
    """A state dict of pytorch-fid's network with seeded random weights."""
    import torch
    from torch.nn.functional import interpolate

    from animesearch.metrics.features.networks.inception import random_inception

    x_B3HW = torch.from_numpy(smooth_images(16, 64, seed=3)).float() / 127.5 - 1.0
    network = random_inception(interpolate(x_B3HW, size=(139, 139), mode="bilinear"))
    path = tmp_path_factory.mktemp("weights") / "random_inception.pth"
    torch.save(network.state_dict(), path)
    return WeightsFile(path, hashlib.sha256(path.read_bytes()).hexdigest())
