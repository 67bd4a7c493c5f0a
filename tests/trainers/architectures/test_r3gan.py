"""R3GAN on paper."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.modules.r3gan import (
    InvertedBottleneck,
    R3ganDiscriminator,
    R3ganGenerator,
    halving,
)
from animesearch.trainers.modules.spectral import normalise_spectrally

GAIN = math.sqrt(2 / 1.04)
"""He's gain for a leaky ReLU of slope 0.2."""


def build(size: int = 32, classes: int = 0, **options: Any) -> Networks:
    torch.manual_seed(0)
    small = {"width": 8, "blocks": 1, "group": 2, "latent": 8, "class_embedding": 4}
    return ARCHITECTURES.parse({"name": "r3gan", **small, **options}).build(size, 3, classes)


def pair(
    size: int = 32, classes: int = 0, **options: Any
) -> tuple[R3ganGenerator, R3ganDiscriminator]:
    networks = build(size, classes, **options)
    generator, discriminator = networks.generator, networks.discriminator
    assert isinstance(generator, R3ganGenerator)
    assert isinstance(discriminator, R3ganDiscriminator)
    return generator, discriminator


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def awaken(module: nn.Module) -> None:
    """Give the layers that begin at zero weights."""
    for parameter in module.parameters():
        if not parameter.detach().any():
            nn.init.normal_(parameter, std=0.3)


def test_counts_of_the_papers_network_for_ffhq_at_64_px() -> None:
    """Filters 768 at 4 to 32 px and 384 at 64 px, 2 blocks each, 96 and 48 groups of 16."""
    with torch.device("meta"):
        networks = build(64, width=768, blocks=2, group=16, latent=64)

    def block(width: int) -> int:
        inner = 2 * width
        return width * inner + inner + inner * 16 * 9 + inner + inner * width

    body = 4 * 2 * block(768) + 2 * block(384) + 768 * 384
    assert parameters(networks.generator) == 768 * 16 + 64 * 768 + body + 384 * 3 == 22_429_824
    assert parameters(networks.discriminator) == 3 * 384 + body + 768 * 16 + 768 == 22_381_440


@pytest.mark.parametrize(
    ("size", "widths"),
    [
        (16, [256, 256, 256]),
        (32, [256, 256, 256, 256]),
        (256, [256, 256, 256, 256, 128, 64, 32]),
    ],
)
def test_filters_halve_above_32_px(size: int, widths: list[int]) -> None:
    with torch.device("meta"):
        networks = build(size, width=256, group=16)
    for module, expected in (
        (networks.generator, widths),
        (networks.discriminator, widths[::-1]),
    ):
        blocks = [m for m in module.modules() if isinstance(m, InvertedBottleneck)]
        assert [block.branch[0].in_channels for block in blocks] == expected
        assert all(
            block.branch[2].groups == 2 * w // 16 for block, w in zip(blocks, expected, strict=True)
        )


def test_a_fresh_block_is_the_identity() -> None:
    _, discriminator = pair()
    block = next(m for m in discriminator.modules() if isinstance(m, InvertedBottleneck))
    x_BCHW = torch.randn(2, 8, 8, 8)
    assert torch.equal(block(x_BCHW), x_BCHW)
    awaken(block)
    expand, middle, back = (block.branch[index] for index in (0, 2, 4))
    h = functional.leaky_relu(expand(x_BCHW), 0.2)
    h = functional.leaky_relu(middle(h), 0.2)
    assert torch.allclose(block(x_BCHW), x_BCHW + back(h), atol=1e-6)
    assert not torch.allclose(block(x_BCHW), x_BCHW, atol=1e-2)


def test_a_fresh_generator_is_an_enlarged_basis() -> None:
    """Where all stages have one width: to_rgb(bilinear(basis * linear(z)))."""
    generator, _ = pair(32)
    generator.train()
    z_BZ = torch.randn(3, 8)
    x = generator.basis_1C44 * generator.linear(z_BZ)[:, :, None, None]
    for _ in range(3):
        x = functional.interpolate(x, scale_factor=2, mode="bilinear")
    assert torch.allclose(generator(z_BZ), generator.to_rgb(x), atol=1e-5)


def test_weights_are_scaled_as_in_fixup() -> None:
    """Standard deviations: gain * L^(-1/4) / sqrt(fan in), L = 8 branches at 32 px; 0 the last."""
    generator, discriminator = pair(32, width=64, group=16, blocks=2, latent=256)
    gain = GAIN * 8**-0.25
    for module in (generator, discriminator):
        block = next(m for m in module.modules() if isinstance(m, InvertedBottleneck))
        expand, middle, back = (block.branch[index] for index in (0, 2, 4))
        spread = [float(layer.weight.detach().std()) for layer in (expand, middle)]
        fans = (64, 16 * 9)
        assert spread == pytest.approx([gain / math.sqrt(fan) for fan in fans], rel=0.03)
        assert not back.weight.any()
        assert not any(layer.bias.any() for layer in (expand, middle))
    linear = float(generator.linear.weight.detach().std())
    assert linear == pytest.approx(1 / math.sqrt(256), rel=0.03)
    basis = float(discriminator.basis.weight.detach().std())
    assert basis == pytest.approx(1 / 4, rel=0.1)


def test_halving_averages_with_the_binomial_filter() -> None:
    """A single bright pixel falls on its neighbours as (1, 3, 3, 1) / 8 both ways."""
    layer = halving(1, 1)
    x_BCHW = torch.zeros(1, 1, 8, 8)
    x_BCHW[0, 0, 3, 4] = 64.0
    # Output i sees the pixels 2 i - 1 ... 2 i + 2: row 3 with 3 and 1, column 4 with 1 and 3.
    expected = torch.zeros(4, 4)
    expected[1:3, 1:3] = torch.tensor([[3.0 * 1, 3.0 * 3], [1.0 * 1, 1.0 * 3]])
    assert torch.allclose(layer(x_BCHW)[0, 0], expected)


def test_images_are_cut_in_evaluation_only() -> None:
    generator, _ = pair()
    with torch.no_grad():
        generator.to_rgb.weight.mul_(100)
    z_BZ = torch.randn(4, 8)
    raw = generator.train()(z_BZ)
    assert float(raw.detach().abs().max()) > 2
    assert torch.allclose(generator.eval()(z_BZ), raw.clamp(-1, 1), atol=1e-6)


def test_projection_by_its_formula() -> None:
    """D(x, y) = h(x) . V_y, with as many features as filters at 4 px."""
    _, discriminator = pair(64, classes=3)
    awaken(discriminator)
    x_BCHW = torch.randn(4, 3, 64, 64)
    h_BF = discriminator.features(x_BCHW)
    assert h_BF.shape == (4, 8)
    assert discriminator.embedding is not None
    table_KF = discriminator.embedding.weight
    y_B, other_B = torch.tensor([0, 1, 2, 0]), torch.tensor([2, 2, 1, 0])
    difference = discriminator(x_BCHW, y_B) - discriminator(x_BCHW, other_B)
    expected = ((table_KF[y_B] - table_KF[other_B]) * h_BF).sum(1)
    assert torch.allclose(difference, expected, atol=1e-5)
    assert torch.allclose(discriminator(x_BCHW, y_B), (table_KF[y_B] * h_BF).sum(1), atol=1e-5)


def test_labels_are_joined_to_z() -> None:
    generator, _ = pair(32, classes=3)
    assert generator.linear.in_features == 8 + 4
    z_BZ = torch.randn(1, 8).expand(3, 8)
    images = generator(z_BZ, torch.tensor([0, 1, 1]))
    assert torch.allclose(images[1], images[2], atol=1e-6)
    assert float((images[0] - images[1]).abs().max().detach()) > 1e-3


def test_the_head_without_labels() -> None:
    """A depthwise 4x4 convolution and a linear map: sum over c of w_c <basis_c, x_c>."""
    _, discriminator = pair(16)
    x_BCHW = torch.randn(2, 3, 16, 16)
    maps = discriminator.stages(discriminator.from_rgb(x_BCHW))
    inner_BC = (maps * discriminator.basis.weight[:, 0]).sum((2, 3))
    expected = inner_BC @ discriminator.linear.weight[0]
    assert torch.allclose(discriminator(x_BCHW), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "options", "text"),
    [
        (128, {"width": 64}, "32 filters next to the image; allowed: multiples of 64"),
        (64, {"width": 7, "group": 1}, "7 filters next to the image"),
    ],
)
def test_refuses_groups_that_do_not_divide(size: int, options: dict[str, int], text: str) -> None:
    spec = ARCHITECTURES.parse({"name": "r3gan", "group": 64, **options})
    with pytest.raises(UnsupportedError, match=rf"'r3gan' cannot do width.*at {size}.*{text}"):
        spec.check(size, 3)


def test_spectral_normalisation_is_refused() -> None:
    networks = build()
    with pytest.raises(UnsupportedError, match="is 0 by design"):
        normalise_spectrally(networks.discriminator)
