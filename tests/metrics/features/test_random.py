"""The random network: reproducible, and never degenerate."""

from __future__ import annotations

import torch

from animesearch.metrics.features import FEATURES
from tests.metrics.samples import smooth_images


def features(count: int = 3, **options: int) -> torch.Tensor:
    spec = FEATURES.parse({"name": "random", **options})
    return spec.build("cpu")(torch.from_numpy(smooth_images(count)))


def test_features_follow_their_seed() -> None:
    first, other = features(seed=1, dim=16), features(seed=2, dim=16)
    assert first.shape == other.shape == (3, 16)
    assert torch.equal(first, features(seed=1, dim=16))
    assert not torch.allclose(first, other)


def test_every_width_has_full_rank() -> None:
    for dim in (1, 64, 1024):
        found = features(dim + 40, dim=dim).double()
        centred = found - found.mean(dim=0)
        values = torch.linalg.svdvals(centred)
        assert int((values > values[0] * 1e-6).sum()) == dim
