"""E1 against listings 1 and 2 of seed 004, layer by layer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from tests.trainers.architectures.layers import generated, judged, on_paper, parameters

PIXELS = 48 * 48
LISTING_1 = [
    ("Flatten", (PIXELS,), 0),
    ("Dense", (2304,), PIXELS * 2304 + 2304),
    ("LeakyReLU", (2304,), 0),
    ("Dropout", (2304,), 0),
    ("Dense", (4098,), 2304 * 4098 + 4098),
    ("LeakyReLU", (4098,), 0),
    ("Dropout", (4098,), 0),
    ("Dense", (2046,), 4098 * 2046 + 2046),
    ("LeakyReLU", (2046,), 0),
    ("Dropout", (2046,), 0),
    ("Dense", (1024,), 2046 * 1024 + 1024),
    ("LeakyReLU", (1024,), 0),
    ("Dropout", (1024,), 0),
    ("Dense", (512,), 1024 * 512 + 512),
    ("LeakyReLU", (512,), 0),
    ("Dropout", (512,), 0),
    ("Dense", (256,), 512 * 256 + 256),
    ("LeakyReLU", (256,), 0),
    ("Dropout", (256,), 0),
    ("Dense", (1,), 256 + 1),
]
"""The sigmoid of the last layer is in the loss."""
LISTING_2 = [
    ("Dense", (9216,), 100 * 9216 + 9216),
    ("ReLU", (9216,), 0),
    ("BatchNormalization", (9216,), 2 * 9216),
    ("Reshape", (256, 6, 6), 0),
    ("UpSampling2D", (256, 12, 12), 0),
    ("Conv2D", (128, 12, 12), 256 * 128 * 3 * 3 + 128),
    ("ReLU", (128, 12, 12), 0),
    ("BatchNormalization", (128, 12, 12), 2 * 128),
    ("UpSampling2D", (128, 24, 24), 0),
    ("Conv2D", (64, 24, 24), 128 * 64 * 5 * 5 + 64),
    ("ReLU", (64, 24, 24), 0),
    ("BatchNormalization", (64, 24, 24), 2 * 64),
    ("UpSampling2D", (64, 48, 48), 0),
    ("Conv2D", (1, 48, 48), 64 * 1 * 5 * 5 + 1),
    ("Tanh", (1, 48, 48), 0),
]
"""Channels first; activations that the listing gives as arguments have lines of their own."""


def test_the_listings() -> None:
    networks = on_paper(48, 1, "comic-vanilla")
    assert judged(networks, 1) == LISTING_1
    assert generated(networks)[1:] == LISTING_2
    assert generated(networks)[0] == ("Flatten", (100,), 0)


def test_parameters() -> None:
    networks = on_paper(48, 1, "comic-vanilla")
    assert parameters(networks.generator) == sum(layer[2] for layer in LISTING_2) == 1_451_137
    assert parameters(networks.discriminator) == sum(layer[2] for layer in LISTING_1) == 25_895_677


def test_numbers_that_shapes_do_not_show() -> None:
    networks = on_paper(48, 1, "comic-vanilla")
    parts = [*networks.discriminator.modules(), *networks.generator.modules()]
    assert {p.negative_slope for p in parts if isinstance(p, nn.LeakyReLU)} == {0.2}
    assert {p.p for p in parts if isinstance(p, nn.Dropout)} == {0.5}
    norms = [p for p in parts if isinstance(p, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert {p.eps for p in norms} == {1e-3}
    assert [p.momentum for p in norms] == pytest.approx([0.01] * 3)
    assert {p.mode for p in parts if isinstance(p, nn.Upsample)} == {"nearest"}


def test_glorot_uniform_weights() -> None:
    torch.manual_seed(0)
    networks = ARCHITECTURES.parse({"name": "comic-vanilla", "width": 32}).build(16, 1)
    dense = next(p for p in networks.generator.modules() if isinstance(p, nn.Linear))
    conv = next(p for p in networks.generator.modules() if isinstance(p, nn.Conv2d))
    for layer, fans in ((dense, 100 + 128), (conv, (32 + 16) * 9)):
        limit = math.sqrt(6 / fans)
        assert 0.99 * limit < float(layer.weight.detach().abs().max()) <= limit
        assert float(layer.weight.detach().std()) == pytest.approx(limit / math.sqrt(3), rel=0.03)
        assert not layer.bias.any()


def test_colour_and_other_sizes() -> None:
    """The first dense layer sees all channels, and keeps H W units; G begins at size / 8."""
    networks = on_paper(64, 3, "comic-vanilla")
    assert judged(networks, 3)[1] == ("Dense", (4096,), 3 * 4096 * 4096 + 4096)
    assert generated(networks)[4][:2] == ("Reshape", (256, 8, 8))
    assert generated(networks)[-1][1] == (3, 64, 64)


def test_width_scales_every_layer() -> None:
    networks = on_paper(48, 1, "comic-vanilla", width=128)
    units = [shape for kind, shape, _ in judged(networks, 1) if kind == "Dense"]
    assert units == [(1152,), (2049,), (1023,), (512,), (256,), (128,), (1,)]
    assert generated(networks)[1][1] == (128 * 36,)


def test_larger_images_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="128 pixels; allowed: 16, 24, 32, 40, 48, 56, 64"):
        ARCHITECTURES.parse("comic-vanilla").check(128, 1)
