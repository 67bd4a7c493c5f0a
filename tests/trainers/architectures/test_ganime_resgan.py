"""C5: what it adds to C3."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from animesearch.trainers.modules.ganime import ResidualBlock
from tests.trainers.architectures.layers import generated, judged, on_paper, parameters
from tests.trainers.architectures.practice import bound_to_channels, idle, small

OPTIONS: list[dict[str, Any]] = [
    {},
    {"blocks": 2, "d_blocks": 0},
    {"batch_norm": True},
    {"upsample": "nearest", "batch_norm": True, "d_blocks": 2},
    {"skip": "2-5", "noise": 0.1, "extra_stage": True},
]


def conv(filters: int) -> int:
    return filters * filters * 9 + filters


def test_blocks_are_added_to_the_layers_of_the_gan() -> None:
    networks, plain = on_paper(64, 3, "ganime-resgan"), on_paper(64, 3, "ganime-gan")
    blocks = sum(2 * 2 * conv(filters) for filters in (256, 128, 64))
    assert parameters(networks.generator) == parameters(plain.generator) + blocks
    blocks = sum(2 * conv(filters) for filters in (64, 128, 256))
    assert parameters(networks.discriminator) == parameters(plain.discriminator) + blocks


def test_where_the_blocks_are() -> None:
    networks = on_paper(64, 3, "ganime-resgan")
    shapes = [shape for kind, shape, _ in generated(networks) if kind == "Conv2D"]
    assert shapes == [(256, 8, 8)] * 4 + [(128, 16, 16)] * 4 + [(64, 32, 32)] * 4
    shapes = [shape for kind, shape, _ in judged(networks, 3) if kind == "Conv2D"]
    assert shapes == [
        (16, 64, 64),
        (32, 64, 64),
        *[(64, 16, 16)] * 3,
        *[(128, 8, 8)] * 3,
        *[(256, 4, 4)] * 3,
    ]


def test_blocks_of_weight_zero_leave_the_plain_network() -> None:
    plain = small("ganime-gan", 64).generator.eval()
    deep = small("ganime-resgan", 64, blocks=2).generator.eval()
    assert not deep.load_state_dict(plain.state_dict(), strict=False).unexpected_keys
    z_BZ = torch.randn(4, 8)
    assert not torch.allclose(deep(z_BZ), plain(z_BZ), atol=1e-6)
    for module in deep.modules():
        if isinstance(module, ResidualBlock):
            for weight in module.parameters():
                nn.init.zeros_(weight)
    torch.testing.assert_close(deep(z_BZ), plain(z_BZ))


def test_a_block_by_hand() -> None:
    """One pixel: only the middle of a kernel counts.

    x = 2: relu(3 * 2 - 1) = 5, times -1 plus 0.5 is -4.5, and relu(2 - 4.5) = 0.
    x = -1: relu(-4) = 0, plus 0.5, and relu(-1 + 0.5) = 0; x = 0.3: relu(-0.1) = 0, then 0.8.
    """
    block = ResidualBlock(1)
    first, second = (part for part in block.body if isinstance(part, nn.Conv2d))
    for layer, weight, bias in ((first, 3.0, -1.0), (second, -1.0, 0.5)):
        nn.init.constant_(layer.weight, weight)
        assert layer.bias is not None
        nn.init.constant_(layer.bias, bias)
    x_BCHW = torch.tensor([2.0, -1.0, 0.3]).reshape(3, 1, 1, 1)
    torch.testing.assert_close(block(x_BCHW).flatten(), torch.tensor([0.0, 0.0, 0.8]))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_learns_with_every_option(options: dict[str, Any]) -> None:
    assert idle("ganime-resgan", small("ganime-resgan", 32, **options)) == set()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_that_transfer_to_grey(options: dict[str, Any]) -> None:
    last = "last.1" if options.get("upsample") else "last"
    assert bound_to_channels("ganime-resgan", **options) == {
        f"generator.{last}.weight",
        f"generator.{last}.bias",
        "partner.body.0.weight",
    }
