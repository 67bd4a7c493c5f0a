"""FastGAN on paper."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.architectures.fastgan import skips
from animesearch.trainers.modules.fastgan import (
    FastganDiscriminator,
    FastganGenerator,
    FixedNoise,
    SkipExcitation,
    image_distance,
    quarter,
    up_block,
)
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.modules.spectral import normalised_layers
from tests.trainers.architectures.practice import faces


def build(size: int = 32, **options: Any) -> Networks:
    torch.manual_seed(0)
    small = {"width": 4, "latent": 8}
    return ARCHITECTURES.parse({"name": "fastgan", **small, **options}).build(size, 3)


def pair(size: int = 32, **options: Any) -> tuple[FastganGenerator, FastganDiscriminator]:
    networks = build(size, **options)
    generator, discriminator = networks.generator, networks.discriminator
    assert isinstance(generator, FastganGenerator)
    assert isinstance(discriminator, FastganDiscriminator)
    return generator, discriminator


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def gated(inputs: int, outputs: int) -> int:
    """A 3x3 convolution to twice the outputs, its batch norm."""
    return inputs * 2 * outputs * 9 + 2 * 2 * outputs


def test_counts_at_256_px() -> None:
    with torch.device("meta"):
        networks = build(256, width=64, latent=256)
    first = 256 * 2048 * 16 + 2 * 2048
    noisy = [(1024, 512), (256, 128), (128, 64)]  # 8, 32 and 128 px
    plain = [(512, 256), (128, 128), (64, 32)]  # 16, 64 and 256 px
    blocks = sum(gated(i, o) + gated(o, o) + 2 for i, o in noisy) + sum(gated(*w) for w in plain)
    gates = sum(i * o * 16 + o * o for i, o in [(1024, 128), (512, 64), (256, 32)])
    last = 32 * 3 * 9
    assert parameters(networks.generator) == first + blocks + gates + last == 29_127_654

    def down(i: int, o: int) -> int:
        return (i * o * 16 + 2 * o) + (o * o * 9 + 2 * o) + (i * o + 2 * o)

    halvings = sum(down(w, 2 * w) for w in (16, 32, 64, 128, 256))
    head = 512 * 1024 + 2 * 1024 + 1024 * 16
    decoders = sum(
        gated(i, 128) + gated(128, 64) + gated(64, 64) + gated(64, 32) + 32 * 3 * 9
        for i in (512, 256)
    )
    total = 3 * 16 * 9 + halvings + head + decoders
    assert parameters(networks.discriminator) == total == 8_949_424


def test_pairs_of_skip_layers() -> None:
    assert skips(256) == ((4, 64), (8, 128), (16, 256))
    assert skips(128) == ((4, 64), (8, 128))
    assert skips(64) == ((4, 64),)
    assert skips(32) == ((4, 32),)


def test_skip_excitation_by_hand() -> None:
    """Two input channels of 1 and 3, weights a and b: the gate is s(b swish(16 (1 + 3) a))."""
    skip = SkipExcitation(2, 1)
    a, b = 0.02, 1.5
    with torch.no_grad():
        skip.gate[1].weight.fill_(a)
        skip.gate[3].weight.fill_(b)
    low = torch.tensor([1.0, 3.0])[None, :, None, None].expand(1, 2, 8, 8)
    high = torch.randn(1, 1, 16, 16)
    inner = 16 * 4 * a
    swish = inner / (1 + math.exp(-inner))
    gate = 1 / (1 + math.exp(-b * swish))
    assert torch.allclose(skip(low, high), high * gate, atol=1e-6)


def test_skip_excitation_pools_the_small_map() -> None:
    """Four 4x4 blocks of an 8x8 map with mean 0 gate by a half, whatever is in them."""
    skip = SkipExcitation(1, 3)
    low = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)[None, None] * 9
    high = torch.randn(1, 3, 16, 16)
    assert torch.allclose(skip(low, high), high / 2, atol=1e-6)


def test_the_generator_gates_its_last_map_by_its_first() -> None:
    """With 0 for a gate's weights it is 1/2: the map before to_rgb is halved."""
    generator, _ = pair(32, spectral_norm=False)
    generator.eval()
    with torch.no_grad():
        generator.skips["32"].gate[3].weight.zero_()
    z_BZ = torch.randn(2, 8)
    x = generator.first(z_BZ[:, :, None, None])
    for block in generator.blocks.values():
        x = block(x)
    assert torch.allclose(generator(z_BZ), generator.to_rgb(x / 2).tanh(), atol=1e-6)


def test_gated_linear_unit_of_an_up_block() -> None:
    """First half of the channels times the sigmoid of the second half."""
    torch.manual_seed(0)
    block = up_block(2, 3, 8, noisy=False).eval()
    x_BCHW = torch.randn(1, 2, 4, 4)
    conv = block[1]
    h = conv(x_BCHW.repeat_interleave(2, 2).repeat_interleave(2, 3)) / math.sqrt(1 + 1e-5)
    assert torch.allclose(block(x_BCHW), h[:, :3] * torch.sigmoid(h[:, 3:]), atol=1e-6)


def test_noise_is_fresh_in_training_and_fixed_in_evaluation() -> None:
    torch.manual_seed(0)
    noise = FixedNoise(4)
    x_BCHW = torch.randn(3, 2, 4, 4)
    assert torch.equal(noise(x_BCHW), x_BCHW)
    with torch.no_grad():
        noise.strength.fill_(0.5)
    added = noise(x_BCHW) - x_BCHW
    assert torch.allclose(added[:, 0], added[:, 1], atol=1e-6)
    assert not torch.allclose(added[0], added[1], atol=1e-2)
    assert not torch.equal(noise(x_BCHW), noise(x_BCHW))
    noise.eval()
    fixed = x_BCHW + 0.5 * noise.noise_11HW
    assert torch.allclose(noise(x_BCHW), fixed)


@pytest.mark.parametrize(("size", "strengths"), [(32, 4), (64, 4), (128, 6)])
def test_noisy_blocks_at_8_32_and_128_px(size: int, strengths: int) -> None:
    generator, _ = pair(size)
    noises = [m for m in generator.modules() if isinstance(m, FixedNoise)]
    sides = [noise.noise_11HW.shape[-1] for noise in noises]
    assert len(noises) == strengths
    assert set(sides) == {8, 32, 128} & set(range(size + 1))


def test_the_logit_is_the_mean_of_25() -> None:
    _, discriminator = pair(32)
    discriminator.eval()
    x_BCHW = torch.randn(2, 3, 32, 32)
    maps = discriminator.to_8(discriminator.to_16(discriminator.from_rgb(x_BCHW)))
    assert maps.shape == (2, 32, 8, 8)
    logits = discriminator.head(maps)
    assert logits.shape == (2, 1, 5, 5)
    assert torch.allclose(discriminator(x_BCHW), logits.flatten(1).mean(1), atol=1e-6)


def test_a_halving_is_the_mean_of_its_two_ways() -> None:
    _, discriminator = pair(32)
    block = discriminator.to_8.eval()
    x_BCHW = torch.randn(2, 16, 16, 16)
    main, direct = block.main(x_BCHW), block.direct(x_BCHW)
    assert main.shape == direct.shape == (2, 32, 8, 8)
    assert torch.allclose(block(x_BCHW), (main + direct) / 2)


def test_quarters() -> None:
    x_BCHW = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).repeat_interleave(3, 0).repeat_interleave(3, 1)
    for down, right, value in [(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4)]:
        part = quarter(x_BCHW[None, None], down, right)
        assert torch.equal(part, torch.full((1, 1, 3, 3), float(value)))


def test_image_distance_by_hand() -> None:
    """A constant error e: |e| + 3 e^2.  A chequered one is gone at half and quarter size."""
    x_BCHW = torch.zeros(2, 3, 8, 8)
    assert float(image_distance(x_BCHW, x_BCHW + 0.5)) == pytest.approx(0.5 + 3 * 0.25)
    chequered = torch.tensor([[0.5, -0.5], [-0.5, 0.5]]).repeat(4, 4).expand(2, 3, 8, 8)
    assert float(image_distance(x_BCHW, chequered)) == pytest.approx(0.5 + 0.25)
    large = torch.randn(2, 3, 16, 16)
    assert float(image_distance(avg_pool2d(large, 2), large)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("size", "whole", "part"), [(32, 32, 16), (128, 128, 64), (256, 128, 128)])
def test_sides_of_the_reconstructions(size: int, whole: int, part: int) -> None:
    _, discriminator = pair(size)
    x = discriminator.to_16(discriminator.from_rgb(torch.randn(2, 3, size, size)))
    assert x.shape[-1] == 16
    assert discriminator.whole(discriminator.to_8(x)).shape == (2, 3, whole, whole)
    assert discriminator.part(quarter(x, 1, 0)).shape == (2, 3, part, part)


def test_each_quarter_is_compared_with_its_own() -> None:
    _, discriminator = pair(32)
    discriminator.eval()
    reals_BCHW = faces(2, 32) * 2 - 1
    with torch.no_grad():
        maps = discriminator.to_16(discriminator.from_rgb(reals_BCHW))
        whole = image_distance(discriminator.whole(discriminator.to_8(maps)), reals_BCHW)
        expected = [
            image_distance(discriminator.part(quarter(maps, i, j)), quarter(reals_BCHW, i, j))
            for i in (0, 1)
            for j in (0, 1)
        ]
        drawn = [discriminator.reconstruction_error(reals_BCHW) - whole for _ in range(40)]
    apart = (torch.stack(drawn)[:, None] - torch.stack(expected)).abs()
    assert float(apart.min(1).values.max()) < 1e-6
    assert set(apart.argmin(1).tolist()) == {0, 1, 2, 3}


def test_own_loss_falls_when_the_decoders_are_trained() -> None:
    _, discriminator = pair(32, width=8)
    reals_BCHW = faces(8, 32) * 2 - 1
    optimiser = torch.optim.Adam(discriminator.parameters(), 2e-3)
    losses = []
    for _ in range(40):
        loss = discriminator.own_loss(reals_BCHW)
        assert loss is not None
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_own_loss_is_weighted_and_can_be_left_out() -> None:
    _, discriminator = pair(32, reconstruction=2.5)
    reals_BCHW = torch.rand(4, 3, 32, 32)
    torch.manual_seed(1)
    error = discriminator.eval().reconstruction_error(reals_BCHW)
    torch.manual_seed(1)
    loss = discriminator.own_loss(reals_BCHW)
    assert loss is not None
    assert torch.allclose(loss, 2.5 * error)
    _, plain = pair(32, reconstruction=0.0)
    assert plain.own_loss(reals_BCHW) is None
    assert not any(name.startswith(("whole", "part")) for name, _ in plain.named_parameters())


def test_spectral_normalisation_of_all_layers() -> None:
    weighted = (nn.Conv2d, nn.ConvTranspose2d)
    for module in pair(64):
        layers = [m for m in module.modules() if isinstance(m, weighted)]
        assert normalised_layers(module) == layers
    for module in pair(64, spectral_norm=False):
        assert not normalised_layers(module)
