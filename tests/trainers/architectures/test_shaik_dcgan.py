"""B1 stage by stage, and where it differs from D1."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animesearch.trainers.architectures import ARCHITECTURES
from tests.trainers.architectures.layers import generated, judged, on_paper, parameters


def test_five_and_five_layers_at_64_pixels() -> None:
    """Shapes from z (128) to (3, 64, 64) and back; weights and batch norms worked out by hand."""
    networks = on_paper(64, 3, "shaik-dcgan")
    assert [layer for layer in generated(networks) if layer[2]] == [
        ("Conv2DTranspose", (512, 4, 4), 128 * 512 * 16),
        ("BatchNormalization", (512, 4, 4), 2 * 512),
        ("Conv2DTranspose", (256, 8, 8), 512 * 256 * 16),
        ("BatchNormalization", (256, 8, 8), 2 * 256),
        ("Conv2DTranspose", (128, 16, 16), 256 * 128 * 16),
        ("BatchNormalization", (128, 16, 16), 2 * 128),
        ("Conv2DTranspose", (64, 32, 32), 128 * 64 * 16),
        ("BatchNormalization", (64, 32, 32), 2 * 64),
        ("Conv2DTranspose", (3, 64, 64), 64 * 3 * 16),
    ]
    assert [layer for layer in judged(networks, 3) if layer[2]] == [
        ("Conv2D", (64, 32, 32), 3 * 64 * 16),
        ("BatchNormalization", (64, 32, 32), 2 * 64),
        ("Conv2D", (128, 16, 16), 64 * 128 * 16),
        ("BatchNormalization", (128, 16, 16), 2 * 128),
        ("Conv2D", (256, 8, 8), 128 * 256 * 16),
        ("BatchNormalization", (256, 8, 8), 2 * 256),
        ("Conv2D", (512, 4, 4), 256 * 512 * 16),
        ("BatchNormalization", (512, 4, 4), 2 * 512),
        ("Conv2D", (1, 1, 1), 512 * 16),
    ]
    between = 16 * (512 * 256 + 256 * 128 + 128 * 64)
    norms = 2 * (512 + 256 + 128 + 64)
    generator = 16 * 128 * 512 + between + 16 * 64 * 3 + norms
    discriminator = 16 * 3 * 64 + between + 16 * 512 + norms
    assert parameters(networks.generator) == generator == 3_806_080
    assert parameters(networks.discriminator) == discriminator == 2_765_696


def test_activations() -> None:
    networks = on_paper(64, 3, "shaik-dcgan")
    assert [layer[0] for layer in generated(networks) if not layer[2]] == ["ReLU"] * 4 + ["Tanh"]
    assert [layer[0] for layer in judged(networks, 3) if not layer[2]] == ["LeakyReLU"] * 4
    rectifiers = [p for p in networks.discriminator.modules() if isinstance(p, nn.LeakyReLU)]
    assert {part.negative_slope for part in rectifiers} == {0.2}


def test_against_penn_dcgan() -> None:
    """One batch norm of 64 filters more in D, and 28 more dimensions of z; PyTorch's weights."""
    ours, penn = on_paper(64, 3, "shaik-dcgan"), on_paper(64, 3, "penn-dcgan")
    assert parameters(ours.discriminator) - parameters(penn.discriminator) == 2 * 64
    assert parameters(ours.generator) - parameters(penn.generator) == 28 * 512 * 16
    torch.manual_seed(0)
    discriminator = ARCHITECTURES.parse({"name": "shaik-dcgan", "width": 32}).build(32, 3).partner
    convs = [part for part in discriminator.modules() if isinstance(part, nn.Conv2d)]
    for conv in convs[:2]:
        # U(-b, b) with b = 1 / sqrt(fan in), so a standard deviation of b / sqrt(3)
        bound = conv.weight[0].numel() ** -0.5
        assert float(conv.weight.detach().abs().max()) <= bound
        assert float(conv.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.1)


@pytest.mark.parametrize(("size", "convolutions"), [(16, 3), (32, 4), (64, 5), (128, 6)])
def test_one_convolution_per_doubling(size: int, convolutions: int) -> None:
    networks = on_paper(size, 1, "shaik-dcgan")
    assert sum(kind == "Conv2D" for kind, _, _ in judged(networks, 1)) == convolutions
    assert sum(kind == "Conv2DTranspose" for kind, _, _ in generated(networks)) == convolutions
