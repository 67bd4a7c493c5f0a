"""E2 against listings 3 and 4 of seed 004, layer by layer, and Keras's ``same`` padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.modules.convolutional import DoublingConv2d, HalvingConv2d
from tests.trainers.architectures.layers import generated, judged, on_paper, parameters

LISTING_3 = [
    ("Conv2D", (32, 32, 32), 1 * 32 * 25 + 32),
    ("BatchNormalization", (32, 32, 32), 2 * 32),
    ("LeakyReLU", (32, 32, 32), 0),
    ("Dropout", (32, 32, 32), 0),
    ("Conv2D", (64, 16, 16), 32 * 64 * 25 + 64),
    ("BatchNormalization", (64, 16, 16), 2 * 64),
    ("LeakyReLU", (64, 16, 16), 0),
    ("Dropout", (64, 16, 16), 0),
    ("Conv2D", (128, 8, 8), 64 * 128 * 25 + 128),
    ("BatchNormalization", (128, 8, 8), 2 * 128),
    ("LeakyReLU", (128, 8, 8), 0),
    ("Dropout", (128, 8, 8), 0),
    ("Conv2D", (128, 4, 4), 128 * 128 * 25 + 128),
    ("BatchNormalization", (128, 4, 4), 2 * 128),
    ("LeakyReLU", (128, 4, 4), 0),
    ("Dropout", (128, 4, 4), 0),
    ("Flatten", (2048,), 0),
    ("Dense", (1,), 2048 + 1),
]
LISTING_4 = [
    ("Dense", (8192,), 100 * 8192),
    ("BatchNormalization", (8192,), 2 * 8192),
    ("ReLU", (8192,), 0),
    ("Reshape", (128, 8, 8), 0),
    ("Conv2DTranspose", (128, 16, 16), 128 * 128 * 25),
    ("BatchNormalization", (128, 16, 16), 2 * 128),
    ("ReLU", (128, 16, 16), 0),
    ("Conv2DTranspose", (128, 32, 32), 128 * 128 * 25),
    ("BatchNormalization", (128, 32, 32), 2 * 128),
    ("ReLU", (128, 32, 32), 0),
    ("Conv2DTranspose", (64, 64, 64), 128 * 64 * 25),
    ("BatchNormalization", (64, 64, 64), 2 * 64),
    ("ReLU", (64, 64, 64), 0),
    ("Conv2DTranspose", (1, 64, 64), 64 * 1 * 25),
    ("Tanh", (1, 64, 64), 0),
]
"""Channels first; no biases."""


def test_the_listings() -> None:
    networks = on_paper(64, 1, "comic-cgan")
    assert judged(networks, 1) == LISTING_3
    assert generated(networks)[1:] == LISTING_4


def test_parameters() -> None:
    networks = on_paper(64, 1, "comic-cgan")
    assert parameters(networks.generator) == sum(layer[2] for layer in LISTING_4) == 1_861_824
    assert parameters(networks.discriminator) == sum(layer[2] for layer in LISTING_3) == 669_505


@pytest.mark.parametrize(
    ("size", "down", "up"),
    [
        (28, [(32, 14), (64, 7)], [(128, 14), (64, 28), (1, 28)]),
        (48, [(32, 24), (64, 12), (128, 6)], [(128, 24), (64, 48), (1, 48)]),
    ],
)
def test_smaller_sizes(size: int, down: list[tuple[int, int]], up: list[tuple[int, int]]) -> None:
    """Two and three convolutions in D, three transposed ones in G (section 3.6)."""
    networks = on_paper(size, 1, "comic-cgan")
    convs = [shape for kind, shape, _ in judged(networks, 1) if kind == "Conv2D"]
    assert convs == [(filters, side, side) for filters, side in down]
    convs = [shape for kind, shape, _ in generated(networks) if kind == "Conv2DTranspose"]
    assert convs == [(filters, side, side) for filters, side in up]
    filters, side = down[-1]
    assert judged(networks, 1)[-1] == ("Dense", (1,), filters * side * side + 1)
    assert generated(networks)[1] == ("Dense", (128 * up[0][1] ** 2 // 4,), 3200 * up[0][1] ** 2)


def test_numbers_that_shapes_do_not_show() -> None:
    networks = on_paper(64, 1, "comic-cgan")
    parts = [*networks.discriminator.modules(), *networks.generator.modules()]
    assert {p.negative_slope for p in parts if isinstance(p, nn.LeakyReLU)} == {0.3}
    assert {p.p for p in parts if isinstance(p, nn.Dropout)} == {0.5}
    norms = [p for p in parts if isinstance(p, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert {p.eps for p in norms} == {1e-3}
    assert [p.momentum for p in norms] == pytest.approx([0.01] * 8)


def test_other_options() -> None:
    networks = on_paper(28, 3, "comic-cgan", width=8, dropout=0.25, bn_momentum=0.9)
    assert [shape[0] for kind, shape, _ in judged(networks, 3) if kind == "Conv2D"] == [2, 4]
    parts = list(networks.discriminator.modules())
    assert {p.p for p in parts if isinstance(p, nn.Dropout)} == {0.25}
    assert [p.momentum for p in parts if isinstance(p, nn.BatchNorm2d)] == pytest.approx([0.1] * 2)


@pytest.mark.parametrize(
    ("tap", "expected"),
    [
        # tap k sees row 2 i + k - 1: one row of padding before, two after
        (0, [0.0, 1.0]),
        (1, [0.0, 2.0]),
        (2, [1.0, 3.0]),
        (3, [2.0, 0.0]),
        (4, [3.0, 0.0]),
    ],
)
def test_halving_pads_as_keras(tap: int, expected: list[float]) -> None:
    conv = HalvingConv2d(1, 1)
    rows = torch.arange(4.0)
    expected_row = torch.tensor(expected)
    with torch.no_grad():
        for taps, image, wanted in (
            ((tap, 1), rows[:, None].expand(4, 4), expected_row[:, None].expand(2, 2)),
            ((1, tap), rows[None, :].expand(4, 4), expected_row[None, :].expand(2, 2)),
        ):
            conv.weight.zero_()
            conv.weight[0, 0, taps[0], taps[1]] = 1.0
            conv.bias.zero_()
            assert torch.equal(conv(image[None, None])[0, 0], wanted)


@pytest.mark.parametrize("side", [7, 8])
def test_doubling_is_the_transpose_of_halving(side: int) -> None:
    """<halve(x), y> = <x, double(y)> with one weight, as Keras defines it."""
    torch.manual_seed(0)
    halve, double = HalvingConv2d(2, 3).double(), DoublingConv2d(3, 2).double()
    x_BCHW, y_BCHW = (
        torch.randn(2, c, s, s, dtype=torch.float64) for c, s in ((2, 2 * side), (3, side))
    )
    with torch.no_grad():
        halve.bias.zero_()
        double.weight.copy_(halve.weight)
        left, right = (halve(x_BCHW) * y_BCHW).sum(), (x_BCHW * double(y_BCHW)).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-12)
    assert abs(float(left)) > 0.1


def test_other_sizes_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="32 pixels; allowed: 28, 48, 64"):
        ARCHITECTURES.parse("comic-cgan").check(32, 1)
