"""Progressive growing on paper."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.architectures.progan import base_and_doublings, filters
from animesearch.trainers.modules.growing import GrowingDiscriminator, GrowingGenerator
from animesearch.trainers.modules.layers import LayerMaker, MinibatchStdDev, PixelNorm


def pair(size: int = 16, **options: Any) -> tuple[GrowingGenerator, GrowingDiscriminator]:
    torch.manual_seed(0)
    spec = {"name": "progan", "width": 8, "latent": 8, **options}
    networks = ARCHITECTURES.parse(spec).build(size, 3)
    generator, discriminator = networks.generator, networks.discriminator
    assert isinstance(generator, GrowingGenerator)
    assert isinstance(discriminator, GrowingDiscriminator)
    return generator, discriminator


def test_pixel_norm_gives_unit_mean_square() -> None:
    x = PixelNorm()(torch.randn(2, 7, 3, 3) * 50)
    assert torch.allclose(x.square().mean(1), torch.ones(2, 3, 3), atol=1e-4)
    by_hand = PixelNorm()(torch.tensor([[3.0, 4.0]]))
    assert torch.allclose(by_hand, torch.tensor([[3.0, 4.0]]) / math.sqrt(12.5))


def test_minibatch_deviation_by_hand() -> None:
    # One feature at one place takes 1 and 3 (deviation 1), the other 0 and 0 (deviation 0).
    x_BCHW = torch.tensor([[1.0, 0.0], [3.0, 0.0]]).reshape(2, 2, 1, 1)
    out = MinibatchStdDev()(x_BCHW)
    assert out.shape == (2, 3, 1, 1)
    assert torch.allclose(out[:, 2], torch.tensor(0.5), atol=1e-3)
    assert torch.equal(out[:, :2], x_BCHW)


def test_equalised_layers_keep_the_size_of_signals() -> None:
    torch.manual_seed(0)
    layers = LayerMaker(equalised=True)
    conv = layers.conv(64, 64, 3, gain=1.0)
    dense = layers.dense(256, 512, gain=1.0)
    assert float(conv.weight.detach().std()) == pytest.approx(1.0, rel=0.02)
    inside = conv(torch.randn(8, 64, 8, 8))[:, :, 1:-1, 1:-1]
    assert float(inside.detach().std()) == pytest.approx(1.0, rel=0.1)
    assert float(dense(torch.randn(64, 256)).detach().std()) == pytest.approx(1.0, rel=0.1)


def test_constraint_spares_the_last_layer_of_d() -> None:
    generator, discriminator = pair(equalised=False)
    for module in (generator, discriminator):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(100)
        module.constrain()
    longest = [
        float(layer.weight.detach().flatten(1).norm(dim=1).max())
        for module in (generator, discriminator)
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer is not discriminator.head
    ]
    assert max(longest) <= 1.0001
    assert float(discriminator.head.weight.detach().norm()) > 10


def test_equalised_layers_are_not_constrained() -> None:
    generator, _ = pair(equalised=True)
    before = [p.clone() for p in generator.parameters()]
    generator.constrain()
    assert all(torch.equal(b, p) for b, p in zip(before, generator.parameters(), strict=True))


@pytest.mark.parametrize(
    ("size", "base", "doublings"), [(8, 4, 1), (128, 4, 5), (10, 5, 1), (160, 5, 5), (80, 5, 4)]
)
def test_sizes(size: int, base: int, doublings: int) -> None:
    assert base_and_doublings(size) == (base, doublings)


def test_filters_of_the_seed() -> None:
    assert [filters(256, doublings) for doublings in range(7)] == [256, 256, 256, 128, 64, 64, 64]


def test_layers_of_listings_5_and_6() -> None:
    """10x10 pixels: shapes of all weights as Keras would count them in the seed."""
    networks = ARCHITECTURES.parse({"name": "progan", "latent": 100}).build(10, 3)
    count = sum(p.numel() for p in networks.discriminator.parameters())
    conv = 256 * 256 * 9 + 256
    assert count == (3 * 256 + 256) + 3 * conv + (257 * 256 * 9 + 256) + (256 * 25 + 1)
    count = sum(p.numel() for p in networks.generator.parameters())
    assert count == (100 * 6400 + 6400) + 4 * conv + (256 * 3 + 3)


def sizes(module: GrowingGenerator, z: Tensor) -> list[int]:
    found = []
    for images in range(0, 101, 5):
        module.set_progress(images, 100)
        found.append(module(z).shape[-1])
    return sorted(set(found))


def test_grows_from_8_and_from_4() -> None:
    z = torch.randn(2, 8)
    assert sizes(pair(32)[0], z) == [8, 16, 32]
    assert sizes(pair(32, start=0)[0], z) == [4, 8, 16, 32]
    assert sizes(pair(40)[0], z) == [10, 20, 40]


def test_fade_blends_the_stage_below() -> None:
    """Just before a stage, and in its fade at weight 0, G draws the same picture."""
    generator, _ = pair(16, alpha=0.0, growth=0.5, fade=0.5)
    z = torch.randn(3, 8)
    generator.set_progress(32, 100)
    before = generator.to_size(z)
    generator.set_progress(100 * 1 // 3 + 1, 100)
    assert generator.stage.doublings == 2
    generator.stage = type(generator.stage)(2, 0.0)
    assert torch.allclose(generator.to_size(z), before, atol=1e-6)


def test_reals_are_seen_at_the_stage() -> None:
    _, discriminator = pair(16)
    x_BCHW = torch.rand(2, 3, 16, 16)
    discriminator.set_progress(0, 100)
    view = discriminator.real_view(x_BCHW)
    assert view.shape == (2, 3, 8, 8)
    assert torch.allclose(view[:, :, 0, 0], x_BCHW[:, :, :2, :2].mean((2, 3)))
    discriminator.set_progress(100, 100)
    assert torch.equal(discriminator.real_view(x_BCHW), x_BCHW)


def test_the_seeds_discriminator_does_not_fade() -> None:
    _, discriminator = pair(16, fade_d=False)
    discriminator.set_progress(40, 100)
    assert discriminator.stage.doublings == 2
    assert not discriminator.stage.fading
