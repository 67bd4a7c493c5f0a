"""A1 stage by stage."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from torch import nn

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from tests.trainers.architectures.layers import generated, judged, on_paper, parameters


def test_the_seeds_stages_at_128_pixels() -> None:
    networks = on_paper(128, 3, "bergna-v1")
    up = [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64)]
    block = ("BatchNormalization", "LeakyReLU")
    assert [layer[:2] for layer in generated(networks)] == [
        *((kind, shape) for shape in up for kind in ("Conv2DTranspose", *block)),
        ("Conv2DTranspose", (3, 128, 128)),
        ("Tanh", (3, 128, 128)),
    ]
    assert [layer[:2] for layer in judged(networks, 3)] == [
        *((kind, shape) for shape in reversed(up) for kind in ("Conv2D", *block)),
        ("Conv2D", (1, 1, 1)),
    ]


def test_parameters_at_128_pixels() -> None:
    networks = on_paper(128, 3, "bergna-v1")
    kernel = 4 * 4
    between = kernel * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 64)
    norms = 2 * (1024 + 512 + 256 + 128 + 64)
    assert between + norms == 11_141_120 + 3_968
    generator = kernel * 100 * 1024 + between + kernel * 64 * 3 + norms
    discriminator = kernel * 3 * 64 + between + kernel * 1024 + norms
    assert parameters(networks.generator) == generator == 12_786_560
    assert parameters(networks.discriminator) == discriminator == 11_164_544


@pytest.mark.parametrize(("size", "blocks"), [(32, 3), (64, 4), (128, 5)])
def test_smaller_images_leave_out_blocks(size: int, blocks: int) -> None:
    networks = on_paper(size, 3, "bergna-v1")
    for layers in (generated(networks), judged(networks, 3)):
        assert sum(kind == "LeakyReLU" for kind, _, _ in layers) == blocks
    assert generated(networks)[0][1] == (64 << (blocks - 1), 4, 4)


@pytest.mark.parametrize(
    ("options", "slopes"),
    [
        ({}, (0.01, 0.01)),
        ({"activation": "relu"}, (None, 0.01)),
        ({"activation_d": "relu"}, (0.01, None)),
    ],
)
def test_rectifiers(options: dict[str, str], slopes: tuple[float | None, float | None]) -> None:
    networks = on_paper(32, 3, "bergna-v1", width=2, **options)
    for module, slope in zip((networks.generator, networks.discriminator), slopes, strict=True):
        found = [part for part in module.modules() if isinstance(part, nn.ReLU | nn.LeakyReLU)]
        assert len(found) == 3
        assert {getattr(part, "negative_slope", None) for part in found} == {slope}


def test_refusals() -> None:
    with pytest.raises(UnsupportedError, match=r"images of 16 pixels; allowed: 32, 64, 128"):
        ARCHITECTURES.parse("bergna-v1").check(16, 3)
    with pytest.raises(ValidationError, match="'leaky' or 'relu'"):
        ARCHITECTURES.parse({"name": "bergna-v1", "activation": "gelu"})
