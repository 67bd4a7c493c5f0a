"""DCGAN on paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animesearch.trainers.architectures import ARCHITECTURES


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_counts_of_the_published_example() -> None:
    networks = ARCHITECTURES.parse("penn-dcgan").build(64, 3)
    assert parameters(networks.generator) == 3_576_704
    assert parameters(networks.discriminator) == 2_765_568


@pytest.mark.parametrize(("size", "convolutions"), [(16, 3), (32, 4), (64, 5), (128, 6)])
def test_one_convolution_per_doubling(size: int, convolutions: int) -> None:
    networks = ARCHITECTURES.parse({"name": "penn-dcgan", "width": 2}).build(size, 3)
    for module, kind in (
        (networks.generator, nn.ConvTranspose2d),
        (networks.discriminator, nn.Conv2d),
    ):
        assert sum(isinstance(part, kind) for part in module.modules()) == convolutions


def test_initial_weights() -> None:
    torch.manual_seed(0)
    networks = ARCHITECTURES.parse({"name": "penn-dcgan", "width": 32}).build(32, 3)
    for module in networks.discriminator.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        if isinstance(module, nn.BatchNorm2d):
            assert float(module.weight.detach().mean()) == pytest.approx(1.0, abs=0.02)


def test_without_batch_norm_in_d() -> None:
    """Biases take the place of its shifts; G keeps its own."""
    spec = ARCHITECTURES.parse({"name": "penn-dcgan", "width": 4, "d_batch_norm": False})
    networks = spec.build(32, 3)
    kinds = [type(layer).__name__ for layer in networks.discriminator.modules()]
    assert "BatchNorm2d" not in kinds
    assert "BatchNorm2d" in [type(layer).__name__ for layer in networks.generator.modules()]
    biases = [n for n, _ in networks.discriminator.named_parameters() if n.endswith("bias")]
    assert len(biases) == kinds.count("Conv2d") - 1
