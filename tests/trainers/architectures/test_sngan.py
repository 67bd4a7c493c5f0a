"""SNGAN on paper."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.modules.residual import ClassBatchNorm, DownBlock, UpBlock
from animesearch.trainers.modules.sngan import SnganDiscriminator, SnganGenerator
from animesearch.trainers.modules.spectral import normalised_layers


def build(size: int = 32, classes: int = 0, **options: Any) -> Networks:
    spec = {"name": "sngan", "width": 2, "latent": 8, **options}
    return ARCHITECTURES.parse(spec).build(size, 3, classes)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
    return inputs * outputs * kernel**2 + outputs


def test_counts_of_the_cifar_network() -> None:
    """Table 3: G of 4 x 256 filters, D of 4 x 128."""
    with torch.device("meta"):
        networks = build(32, width=64, latent=128)
    block = 2 * 256 + conv(256, 256) + 2 * 256 + conv(256, 256) + conv(256, 256, 1)
    last = 2 * 256 + conv(256, 3)
    assert parameters(networks.generator) == (128 + 1) * 4 * 4 * 256 + 3 * block + last == 4_276_739
    first = conv(3, 128) + conv(128, 128) + conv(3, 128, 1)
    down = 2 * conv(128, 128) + conv(128, 128, 1)
    plain = 2 * conv(128, 128)
    assert parameters(networks.discriminator) == first + down + 2 * plain + 128 == 1_053_824


@pytest.mark.parametrize(
    ("size", "generator", "discriminator"),
    [
        (32, [256, 256, 256, 256], [128, 128, 128, 128]),
        (48, [512, 256, 128, 64], [64, 128, 256, 512, 1024]),
        (64, [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024]),
        (128, [1024, 1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024, 1024]),
    ],
)
def test_filters_of_the_tables(size: int, generator: list[int], discriminator: list[int]) -> None:
    with torch.device("meta"):
        networks = build(size, width=64)
    ups = [m for m in networks.generator.modules() if isinstance(m, UpBlock)]
    downs = [m for m in networks.discriminator.modules() if isinstance(m, DownBlock)]
    assert [ups[0].conv1.in_channels, *(up.conv2.out_channels for up in ups)] == generator
    assert [down.conv2.out_channels for down in downs] == discriminator


@pytest.mark.parametrize(("size", "last"), [(32, 8), (48, 3), (64, 2), (128, 4)])
def test_sides(size: int, last: int) -> None:
    """G's base times its doublings, and the places over which D sums."""
    networks = build(size)
    discriminator = networks.discriminator
    assert isinstance(discriminator, SnganDiscriminator)
    assert discriminator.blocks(torch.zeros(1, 3, size, size)).shape[-2:] == (last, last)
    assert networks.generator(torch.zeros(2, 8)).shape == (2, 3, size, size)


def test_shortcut_of_an_up_block() -> None:
    """With its last convolution at zero a block is: double, then the 1x1 convolution."""
    torch.manual_seed(0)
    block = UpBlock(3, 2, classes=0)
    nn.init.zeros_(block.conv2.weight)
    x_BCHW = torch.randn(2, 3, 4, 4)
    doubled = x_BCHW.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(block(x_BCHW, None), block.shortcut(doubled), atol=1e-6)


def test_residual_of_an_up_block() -> None:
    torch.manual_seed(0)
    block = UpBlock(3, 2, classes=0).eval()
    nn.init.zeros_(block.shortcut.weight)
    x_BCHW = torch.randn(2, 3, 4, 4)
    shrink = (1 + 1e-5) ** -0.5  # batch norm in evaluation mode, fresh: mean 0, variance 1
    h = (x_BCHW * shrink).relu().repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = block.conv2((block.conv1(h) * shrink).relu())
    assert torch.allclose(block(x_BCHW, None), h, atol=1e-5)


@pytest.mark.parametrize("first", [True, False])
def test_a_down_block(first: bool) -> None:
    torch.manual_seed(0)
    block = DownBlock(3, 2, first=first)
    assert block.conv1.out_channels == (2 if first else 3)
    x_BCHW = torch.randn(2, 3, 4, 4)
    h = block.conv2(block.conv1(x_BCHW if first else x_BCHW.relu()).relu())
    assert isinstance(block.shortcut, nn.Conv2d)
    expected = functional.avg_pool2d(h + block.shortcut(x_BCHW), 2)
    assert torch.allclose(block(x_BCHW), expected, atol=1e-5)


def test_a_block_that_keeps_its_size_and_width_has_no_shortcut_layer() -> None:
    block = DownBlock(3, 3, down=False)
    nn.init.zeros_(block.conv2.weight)
    x_BCHW = torch.randn(2, 3, 4, 4)
    assert torch.equal(block(x_BCHW), x_BCHW)


def test_class_batch_norm_scales_and_shifts_per_class() -> None:
    torch.manual_seed(0)
    norm = ClassBatchNorm(2, classes=3)
    x_BCHW = torch.randn(6, 2, 4, 4) * 5 + 3
    y_B = torch.tensor([0, 0, 1, 1, 2, 2])
    plain = norm(x_BCHW, y_B)
    assert torch.allclose(plain.mean((0, 2, 3)), torch.zeros(2), atol=1e-5)
    assert torch.allclose(plain.var((0, 2, 3), unbiased=False), torch.ones(2), atol=1e-3)
    with torch.no_grad():
        norm.gain_KC[1] = torch.tensor([2.0, 3.0])
        norm.bias_KC[2] = torch.tensor([0.0, 7.0])
    out = norm(x_BCHW, y_B)
    assert torch.equal(out[:2], plain[:2])
    factors = torch.tensor([2.0, 3.0])[:, None, None]
    assert torch.allclose(out[2:4], plain[2:4] * factors)
    assert torch.allclose(out[4:, 1], plain[4:, 1] + 7)
    assert torch.allclose(out[4:, 0], plain[4:, 0])


def test_labels_change_the_image_once_gains_differ() -> None:
    torch.manual_seed(0)
    generator = build(32, classes=2).generator.eval()
    assert isinstance(generator, SnganGenerator)
    assert generator.classes == 2
    z_BZ = torch.randn(1, 8).expand(2, 8)
    y_B = torch.tensor([0, 1])
    same = generator(z_BZ, y_B)
    assert torch.allclose(same[0], same[1], atol=1e-6)
    with torch.no_grad():
        generator.blocks[0].norm1.gain_KC[1] = 2.0
    changed = generator(z_BZ, y_B)
    assert torch.allclose(changed[0], same[0], atol=1e-6)
    assert float((changed[1] - same[1]).abs().max().detach()) > 1e-3


def test_projection_by_its_formula() -> None:
    """D(x, y) - D(x, y') = (V_y - V_y') . h(x), and without labels D(x) is the dense layer."""
    torch.manual_seed(0)
    discriminator = build(32, classes=3).discriminator.eval()
    assert isinstance(discriminator, SnganDiscriminator)
    assert discriminator.embedding is not None
    x_BCHW = torch.randn(4, 3, 32, 32)
    h_BF = discriminator.features(x_BCHW)
    assert h_BF.shape == (4, 4)
    y_B, other_B = torch.tensor([0, 1, 2, 0]), torch.tensor([2, 2, 1, 0])
    table_KF = discriminator.embedding.weight
    expected = ((table_KF[y_B] - table_KF[other_B]) * h_BF).sum(1)
    assert torch.allclose(
        discriminator(x_BCHW, y_B) - discriminator(x_BCHW, other_B), expected, atol=1e-4
    )
    whole = discriminator.dense(h_BF).flatten() + (table_KF[y_B] * h_BF).sum(1)
    assert torch.allclose(discriminator(x_BCHW, y_B), whole, atol=1e-4)


def test_features_are_a_sum_over_places() -> None:
    torch.manual_seed(0)
    discriminator = build(32).discriminator.eval()
    assert isinstance(discriminator, SnganDiscriminator)
    maps = discriminator.blocks(torch.randn(2, 3, 32, 32))
    by_hand = maps.clamp(min=0).flatten(2).sum(2)
    torch.manual_seed(0)
    twin = build(32).discriminator.eval()
    assert isinstance(twin, SnganDiscriminator)
    assert torch.allclose(twin.features(torch.randn(2, 3, 32, 32)), by_hand, atol=1e-4)


def test_spectral_normalisation_is_ds_only() -> None:
    networks = build(32, classes=3)
    weighted = (nn.Conv2d, nn.Linear, nn.Embedding)
    layers = [m for m in networks.discriminator.modules() if isinstance(m, weighted)]
    assert normalised_layers(networks.discriminator) == layers
    assert not normalised_layers(networks.generator)
    assert not normalised_layers(build(32, spectral_norm=False).discriminator)
