"""StyleGAN on paper."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.architectures import ARCHITECTURES, Task
from animesearch.trainers.architectures.stylegan import StyleGan
from animesearch.trainers.growth import Stage
from animesearch.trainers.modules.stylegan import (
    StyledLayer,
    StyleGanDiscriminator,
    StyleGanGenerator,
    adain,
)

SMALL = {"width": 4, "taper": 8, "latent": 6, "style": 5, "depth": 2}


def pair(size: int = 16, **options: Any) -> tuple[StyleGanGenerator, StyleGanDiscriminator]:
    torch.manual_seed(0)
    networks = ARCHITECTURES.parse({"name": "stylegan", **SMALL, **options}).build(size, 3)
    generator, discriminator = networks.generator, networks.discriminator
    assert isinstance(generator, StyleGanGenerator)
    assert isinstance(discriminator, StyleGanDiscriminator)
    return generator, discriminator


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def styles(generator: StyleGanGenerator, count: int = 2) -> Tensor:
    return torch.randn(count, generator.layers, generator.plan.style_dim)


def test_adain_gives_each_map_the_mean_and_deviation_of_the_style() -> None:
    torch.manual_seed(0)
    x_BCHW = torch.randn(3, 4, 6, 6) * 7 + 20
    scale_BC, shift_BC = torch.rand(3, 4) + 0.1, torch.randn(3, 4)
    out = adain(x_BCHW, scale_BC, shift_BC)
    assert torch.allclose(out.mean((2, 3)), shift_BC, atol=1e-4)
    assert torch.allclose(out.std((2, 3), correction=0), scale_BC, atol=1e-4)
    by_hand = adain(torch.tensor([1.0, 3.0, 1.0, 3.0]).reshape(1, 1, 2, 2), *[torch.ones(1, 1)] * 2)
    assert torch.allclose(by_hand.flatten(), torch.tensor([0.0, 2.0, 0.0, 2.0]))


def test_adain_of_a_constant_map_is_the_shift() -> None:
    out = adain(torch.full((2, 1, 4, 4), 5.0), torch.ones(2, 1), torch.full((2, 1), 0.25))
    assert torch.allclose(out, torch.tensor(0.25), atol=1e-2)


def test_a_style_of_nothing_normalises() -> None:
    """The scale is 1 plus what the dense layer makes of w."""
    torch.manual_seed(0)
    out = StyledLayer(style_dim=4, filters=3, size=8)(
        torch.randn(2, 3, 8, 8) * 9, torch.zeros(2, 4)
    )
    assert torch.allclose(out.mean((2, 3)), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(out.std((2, 3), correction=0), torch.ones(2, 3), atol=1e-4)


def test_parameters_by_hand() -> None:
    """16 px, so 4, 4 and 2 filters."""
    generator, discriminator = pair()
    mapping = (6 * 5 + 5) + (5 * 5 + 5)
    convs = 3 * (4 * 4 * 9 + 4) + (4 * 2 * 9 + 2) + (2 * 2 * 9 + 2)
    styled = sum(f + 5 * 2 * f + 2 * f for f in (4, 4, 4, 4, 2, 2))  # noise and AdaIN
    to_rgb = 2 * (4 * 3 + 3) + (2 * 3 + 3)
    assert parameters(generator) == mapping + 4 * 16 + convs + styled + to_rgb == 984
    from_rgb = 2 * (3 * 4 + 4) + (3 * 2 + 2)
    blocks = 2 * (4 * 4 * 9 + 4) + (2 * 2 * 9 + 2) + (2 * 4 * 9 + 4)
    final = (5 * 4 * 9 + 4) + (4 * 16 * 4 + 4) + (4 + 1)
    assert parameters(discriminator) == from_rgb + blocks + final == 899


def test_filters_of_the_paper() -> None:
    """Those of the official code's fmap_base of 8192."""
    plan = StyleGan().plan(Task(128, 3))
    assert plan.filters == (512, 512, 512, 512, 256, 128)
    assert (plan.size, plan.depth, plan.latent_dim, plan.style_dim) == (128, 8, 512, 512)


def sizes(module: StyleGanGenerator) -> list[int]:
    found = set()
    for images in range(0, 101, 5):
        module.set_progress(images, 100)
        found.add(module(torch.randn(2, 6)).shape[-1])
    return sorted(found)


def test_grows_from_4_or_8_px() -> None:
    assert sizes(pair(32)[0]) == [4, 8, 16, 32]
    assert sizes(pair(32, start=1)[0]) == [8, 16, 32]
    assert sizes(pair(32, growth=0.0)[0]) == [32]


def test_a_fade_begins_with_the_stage_below() -> None:
    for module in pair():
        module.eval()
        module.stage = Stage(1, 1.0)
        below = module(styles_or_image(module, 8))
        module.stage = Stage(2, 0.0)
        assert torch.allclose(pooled(module(styles_or_image(module, 16))), below, atol=1e-5)
        module.stage = Stage(2, 0.5)
        assert not torch.allclose(pooled(module(styles_or_image(module, 16))), below, atol=1e-3)


def styles_or_image(module: nn.Module, size: int) -> Tensor:
    torch.manual_seed(1)
    if isinstance(module, StyleGanGenerator):
        return torch.randn(3, 6)
    image = torch.randn(3, 3, 8, 8)
    return image.repeat_interleave(size // 8, 2).repeat_interleave(size // 8, 3)


def pooled(out: Tensor) -> Tensor:
    return out if out.ndim == 1 else nn.functional.avg_pool2d(out, 2)


def test_a_stage_uses_its_first_styles_all_of_them() -> None:
    generator = pair()[0]
    for doublings, fading in ((0, False), (1, True), (1, False), (2, True), (2, False)):
        generator.stage = Stage(doublings, 0.5 if fading else 1.0)
        w_BLW = styles(generator).requires_grad_()
        generator.synthesis(w_BLW).square().sum().backward()
        assert w_BLW.grad is not None
        used = w_BLW.grad.abs().sum((0, 2)) > 0
        assert used.tolist() == [layer < 2 * doublings + 2 for layer in range(6)]
        assert generator.active == 2 * doublings + 2


def test_crossed_styles_change_the_fine_layers_alone() -> None:
    """Up to the crossover an image of two latents is computed as that of the first."""
    generator = pair(growth=0.0, mixing=1.0)[0]
    seen: list[Tensor] = []
    for layer in generator.styled:
        layer.affine.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    generator(torch.randn(20, 6))
    w_LBW = torch.stack(seen).detach()
    first_LB = (w_LBW == w_LBW[:1]).all(2)
    crossover_B = first_LB.sum(0)
    assert set(crossover_B.tolist()) == {1, 2, 3, 4, 5}
    for image, crossover in enumerate(crossover_B.tolist()):
        assert first_LB[:crossover, image].all()
        assert (w_LBW[crossover:, image] == w_LBW[-1, image]).all()


def test_truncation() -> None:
    generator = pair()[0]
    for _ in range(3):
        generator(torch.randn(8, 6))
    generator.eval()
    z_BZ = torch.randn(4, 6)
    mean_BLW = generator.mean_style().expand(4, generator.layers, -1)
    assert torch.allclose(
        generator.draw(z_BZ, truncation=0.0), generator.synthesis(mean_BLW), atol=1e-5
    )
    whole_BLW = generator.mapping(z_BZ)[:, None].expand(-1, generator.layers, -1)
    assert torch.equal(generator.draw(z_BZ, truncation=1.0), generator.synthesis(whole_BLW))
    half_BLW = generator.styles(z_BZ, truncation=0.5)
    assert torch.allclose(half_BLW, (mean_BLW + whole_BLW) / 2, atol=1e-6)


def test_noise_matters_in_training_only() -> None:
    generator = pair(growth=0.0)[0]
    w_BLW = styles(generator)
    same = [generator.synthesis(w_BLW) for _ in range(2)]
    assert torch.allclose(*same)  # its strength begins at 0
    with torch.no_grad():
        for layer in generator.styled:
            layer.noise.strength.fill_(0.5)
    assert not torch.allclose(generator.synthesis(w_BLW), generator.synthesis(w_BLW), atol=0.01)
    generator.eval()
    assert torch.equal(generator.synthesis(w_BLW), generator.synthesis(w_BLW))


@pytest.mark.parametrize("start", [0, 1])
def test_every_parameter_learns_at_once_where_nothing_grows(start: int) -> None:
    generator, discriminator = pair(growth=0.0, start=start)
    discriminator(generator(torch.randn(8, 6))).square().sum().backward()
    for module in (generator, discriminator):
        assert all(p.grad is not None and p.grad.any() for p in module.parameters())
        largest = max(float(p.grad.abs().max()) for p in module.parameters() if p.grad is not None)
        assert largest < 1e3


def test_groups_are_judged_apart() -> None:
    discriminator = pair(group=2, growth=0.0)[1]
    x_BCHW = torch.randn(4, 3, 16, 16)
    one_B = discriminator(x_BCHW)
    x_BCHW[3] += 1.0
    other_B = discriminator(x_BCHW)
    assert torch.allclose(one_B[:2], other_B[:2])
    assert not torch.allclose(one_B[2], other_B[2])  # by its neighbour alone
