"""A2 stage by stage, its presets, and what their kernels and strides allow."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.architectures.bergna_v2 import PRESETS, Sliding
from animesearch.trainers.modules.networks import Networks
from tests.trainers.architectures.layers import on_paper, parameters, stage_shapes


def bodies(networks: Networks) -> tuple[nn.Module, nn.Module]:
    return next(networks.generator.children()), next(networks.discriminator.children())


def nothing(*shape: int) -> Tensor:
    return torch.zeros(2, *shape, device="meta")


def kinds(body: nn.Module) -> list[list[str]]:
    return [[type(part).__name__ for part in stage] for stage in body.children()]


CONV = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
KEEP = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
HALVE = ["ConvTranspose2d", "BatchNorm2d", "Dropout", "ReLU"]


def test_stages_are_the_seeds() -> None:
    up, down = bodies(on_paper(128, 3, "bergna-v2"))
    assert kinds(down) == [[*CONV, "MaxPool2d"], *[CONV] * 5, ["AvgPool2d", "Conv2d"]]
    assert kinds(up) == [
        ["ConvTranspose2d", "BatchNorm2d", "Dropout", "Upsample"],
        *[KEEP, HALVE] * 3,
        KEEP,
        ["ConvTranspose2d", "BatchNorm2d", "Tanh"],
    ]
    slopes = {part.negative_slope for part in down.modules() if isinstance(part, nn.LeakyReLU)}
    assert slopes == {0.01}


def test_shapes_of_v2_at_128_pixels() -> None:
    up, down = bodies(on_paper(128, 3, "bergna-v2"))
    shapes = [(64, 32), (64, 32), (128, 16), (128, 16), (256, 8), (256, 8), (1, 1)]
    assert stage_shapes(down, nothing(3, 128, 128)) == [(f, s, s) for f, s in shapes]
    shapes = [(512, 8), (512, 8), (256, 16), (256, 16), (128, 32), (128, 32), (64, 64), (64, 64)]
    assert stage_shapes(up, nothing(100, 1, 1)) == [(f, s, s) for f, s in [*shapes, (3, 128)]]


def test_parameters_of_v2() -> None:
    """Stem 7x7, all else 3x3, but 4x4 at the head of D and the foot of G."""
    networks = on_paper(128, 3, "bergna-v2")
    stem = 3 * 64 * 49
    inner = 9 * (64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256)
    norms = 2 * (64 + 64 + 128 + 128 + 256 + 256)
    head = 256 * 16 + 1
    assert stem + inner + norms + head == 1_158_081 == parameters(networks.discriminator)
    foot = 100 * 512 * 16
    inner = 9 * (512 * 512 + 512 * 256 + 256 * 256 + 256 * 128 + 128 * 128 + 128 * 64 + 64 * 64)
    norms = 2 * (512 + 512 + 256 + 256 + 128 + 128 + 64 + 64 + 3)
    assert foot + inner + stem + norms == 5_514_182 == parameters(networks.generator)


def slides(networks: Networks) -> list[tuple[Any, ...]]:
    return [
        (part.kernel_size, part.stride, part.padding)
        for module in (networks.generator, networks.discriminator)
        for part in module.modules()
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)
    ]


def test_presets_differ_and_are_used() -> None:
    found = {name: slides(on_paper(128, 3, "bergna-v2", preset=name)) for name in PRESETS}
    assert list(found) == ["v2", "v3", "v4", "v5"]
    assert all(found[a] != found[b] for a, b in product(found, found) if a < b)
    stems = {name: layers[-7] for name, layers in found.items()}
    assert stems["v2"] == ((7, 7), (2, 2), (3, 3))
    assert stems["v3"] == ((3, 3), (1, 1), (1, 1))
    keeps = {name: layers[-6] for name, layers in found.items()}
    assert keeps["v4"] == ((5, 5), (1, 1), (2, 2))
    resizes = {name: layers[-5] for name, layers in found.items()}
    assert resizes["v3"] == ((4, 4), (2, 2), (1, 1))
    assert resizes["v5"] == ((2, 2), (2, 2), (0, 0))


def test_options_override_the_preset() -> None:
    options = {"stem_kernel": 3, "stem_stride": 1, "keep_kernel": 3, "resize_kernel": 4}
    overridden = on_paper(128, 3, "bergna-v2", preset="v4", **options)
    assert slides(overridden) == slides(on_paper(128, 3, "bergna-v2", preset="v3"))
    one = on_paper(128, 3, "bergna-v2", preset="v3", keep_kernel=5)
    changed = [a != b for a, b in zip(slides(one), slides(overridden), strict=True)]
    assert changed == [False, *[True, False] * 4, *[False, True, False, True, False, True, False]]


SLIDINGS = [Sliding(k, s) for k, s in product(range(2, 10), (1, 2)) if Sliding(k, s).possible]


@pytest.mark.parametrize("sliding", SLIDINGS, ids=str)
@pytest.mark.parametrize("size", [32, 128])
def test_sizes_come_out_with_every_kernel_and_stride(size: int, sliding: Sliding) -> None:
    for layer in ("stem", "resize"):
        other = {"resize_stride": 2 // sliding.stride} if layer == "stem" else {"stem_stride": 1}
        options = {f"{layer}_kernel": sliding.kernel, f"{layer}_stride": sliding.stride, **other}
        options |= {"resize_kernel": 3} if layer == "stem" else {"stem_kernel": 3}
        up, down = bodies(on_paper(size, 3, "bergna-v2", width=2, **options))
        last = stage_shapes(up, nothing(100, 1, 1))[-1]
        assert last == (3, size, size)
        *inner, head = stage_shapes(down, nothing(3, size, size))
        assert head == (1, 1, 1)
        assert inner[0][1:] == inner[1][1:], "the second stage keeps the size"


def test_poolings_make_up_for_strides() -> None:
    """64 px leaves them nothing to do; stride 1 next to the image leaves them twice as much."""
    for size, options, factor in ((64, {}, 1), (128, {}, 2), (128, {"stem_stride": 1}, 4)):
        up, down = bodies(on_paper(size, 3, "bergna-v2", **options))
        pools = [part for part in down.modules() if isinstance(part, nn.AvgPool2d)]
        upsamplings = [part for part in up.modules() if isinstance(part, nn.Upsample)]
        assert [part.kernel_size for part in pools] == [factor]
        assert [part.scale_factor for part in upsamplings] == [factor]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_does_32_pixels(preset: str) -> None:
    torch.manual_seed(0)
    spec = ARCHITECTURES.parse({"name": "bergna-v2", "preset": preset, "width": 2})
    networks = spec.build(32, 3)
    x_BCHW = networks.generator(torch.randn(2, 100))
    assert x_BCHW.shape == (2, 3, 32, 32)
    networks.discriminator(x_BCHW).sum().backward()
    weights = [p for p in networks.generator.parameters() if p.ndim == 4]
    assert all(p.grad is not None and p.grad.any() for p in weights)


def test_dropout_is_the_generators_and_training_only() -> None:
    torch.manual_seed(0)
    generator = ARCHITECTURES.parse({"name": "bergna-v2", "width": 2}).build(32, 3).generator
    z_BZ = torch.randn(3, 100)
    with torch.no_grad():
        assert not torch.equal(generator(z_BZ), generator(z_BZ))
        generator.eval()
        assert torch.equal(generator(z_BZ), generator(z_BZ))
    networks = on_paper(32, 3, "bergna-v2", dropout=0.2)
    drops = [part for part in networks.generator.modules() if isinstance(part, nn.Dropout)]
    assert [part.p for part in drops] == [0.2] * 4


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stem_kernel": 4, "stem_stride": 1}, "stem_kernel 4 at stride 1.*odd kernels"),
        ({"preset": "v3", "resize_stride": 1}, "resize_kernel 4 at stride 1.*odd kernels"),
        ({"keep_kernel": 4}, "1, 3, 5 or 7"),
        ({"stem_stride": 3}, "1 or 2"),
        ({"preset": "v6"}, "'v2', 'v3', 'v4' or 'v5'"),
    ],
)
def test_impossible_layers_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ARCHITECTURES.parse({"name": "bergna-v2", **options})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stem_stride": 2}, "32 pixels with stem_stride 2 and resize_stride 2.*allowed: 1"),
        ({"stem_kernel": 4}, "'bergna-v2' at 32 pixels: stem_kernel 4 at stride 1.*odd kernels"),
    ],
)
def test_what_32_pixels_cannot_do(options: dict[str, Any], reason: str) -> None:
    spec = ARCHITECTURES.parse({"name": "bergna-v2", **options})
    spec.check(64, 3)
    with pytest.raises(UnsupportedError, match=reason):
        spec.check(32, 3)
