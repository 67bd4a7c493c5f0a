"""A small seeded random network: fast features for tests, without any weights file."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.metrics.features.base import (
    FEATURES,
    FeatureNetwork,
    FeatureSpec,
    freeze,
)
from animesearch.metrics.features.resizing import POLICY, Policy, resized

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE = 32
WIDTH = 32


@FEATURES.register
class Random(FeatureSpec):
    """Seeded random convolutions, for tests: nothing to load, and the order is only rough."""

    metric: ClassVar[str] = "fd-random"
    source: ClassVar[str] = "random weights drawn from the seed"

    name: Literal["random"] = "random"
    dim: int = Field(64, ge=1, le=1024, description="number of features per image")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the weights")
    policy: Policy = Field("bilinear", description=POLICY)

    @property
    def resize(self) -> str:
        """The policy, to 32 pixels."""
        return f"{self.policy}-{SIDE}"

    def weights_digest(self) -> str:
        """SHA-256 of what decides the weights."""
        recipe = json.dumps(["random-2conv", SIDE, WIDTH, self.dim, self.seed])
        return hashlib.sha256(recipe.encode()).hexdigest()

    def build(self, device: str) -> FeatureNetwork:
        """Two convolutions of stride 2 and a projection, weights from the seed alone."""
        network = freeze(_network(self.dim, self.seed), device)

        def forward(x_B3HW: Tensor) -> Tensor:
            return network(resized(x_B3HW, SIDE, self.policy) / 127.5 - 1.0)

        return FeatureNetwork(forward, self.dim, device)


def _network(dim: int, seed: int) -> nn.Module:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(
            nn.Conv2d(3, WIDTH, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(2 * WIDTH * 16, dim),
        )
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        fan_in = parameter[0].numel()
        deviation = fan_in**-0.5 if parameter.dim() > 1 else 0.1
        parameter.data.normal_(0.0, deviation, generator=generator)
    return network
