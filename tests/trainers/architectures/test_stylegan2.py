"""StyleGAN2 on paper."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.architectures import ARCHITECTURES, Task
from animesearch.trainers.architectures.stylegan2 import StyleGan2
from animesearch.trainers.modules.layers import ScaledConv
from animesearch.trainers.modules.resampling import UpConv, enlarge
from animesearch.trainers.modules.stylegan2 import (
    ModulatedConv,
    ResidualHalving,
    StyledConv,
    StyleGan2Discriminator,
    StyleGan2Generator,
    path_lengths,
    path_penalty,
)

SMALL = {"width": 4, "taper": 8, "latent": 6, "style": 5, "depth": 2}


def pair(
    size: int = 16, classes: int = 0, **options: Any
) -> tuple[StyleGan2Generator, StyleGan2Discriminator]:
    torch.manual_seed(0)
    spec = ARCHITECTURES.parse({"name": "stylegan2", **SMALL, **options})
    networks = spec.build(size, 3, classes)
    generator, discriminator = networks.generator, networks.discriminator
    assert isinstance(generator, StyleGan2Generator)
    assert isinstance(discriminator, StyleGan2Discriminator)
    return generator, discriminator


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def modulated(conv: ScaledConv, s_BI: Tensor) -> Tensor:
    """Equations 1 and 3 of the paper: weights (B, O, I, K, K) of each image's own."""
    w_BOIKK = conv.weight * conv.scale * s_BI[:, None, :, None, None]
    return w_BOIKK / (w_BOIKK.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()


def test_demodulated_weights_have_unit_norm() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv(ScaledConv(6, 5, 3, gain=1.0, bias=False), style_dim=4)
    s_BI = layer.affine(torch.randn(3, 4) * 10)
    w_BOIKK = layer.conv.scaled * s_BI[:, None, :, None, None]
    w_BOIKK = w_BOIKK * layer.demodulation(s_BI)[:, :, None, None, None]
    assert torch.allclose(w_BOIKK.square().sum((2, 3, 4)), torch.ones(3, 5), atol=1e-5)
    assert torch.allclose(w_BOIKK, modulated(layer.conv, s_BI), atol=1e-5)


def test_modulation_begins_at_1() -> None:
    layer = ModulatedConv(ScaledConv(6, 5, 3, gain=1.0, bias=False), style_dim=4)
    assert torch.allclose(layer.affine(torch.zeros(1, 4)), torch.ones(1, 6))


@pytest.mark.parametrize("doubles", [False, True])
def test_scaled_activations_are_modulated_weights(doubles: bool) -> None:
    """The whole layer against the paper's figure 2d, with weights of each image's own."""
    torch.manual_seed(0)
    conv = UpConv(6, 5, 1.0, bias=False) if doubles else ScaledConv(6, 5, 3, 1.0, bias=False)
    side = 16 if doubles else 8
    layer = StyledConv(conv, style_dim=4, size=side).eval()
    with torch.no_grad():
        layer.noise.strength.fill_(0.3)
        layer.bias.normal_()
    x_BCHW, w_BW = torch.randn(3, 6, 8, 8), torch.randn(3, 4)
    outputs = []
    for x_CHW, w_OIKK in zip(x_BCHW, modulated(conv, layer.modulated.affine(w_BW)), strict=True):
        if doubles:
            assert isinstance(conv, UpConv)
            apart = functional.conv_transpose2d(x_CHW[None], w_OIKK.transpose(0, 1), stride=2)
            outputs.append(conv.smooth(apart))
        else:
            outputs.append(functional.conv2d(x_CHW[None], w_OIKK, padding=1))
    y = torch.cat(outputs) + 0.3 * layer.noise.fixed_11HH + layer.bias
    expected = functional.leaky_relu(y, 0.2) * math.sqrt(2)
    assert torch.allclose(layer(x_BCHW, w_BW), expected, atol=1e-5)


def test_parameters_by_hand() -> None:
    """16 px, so 4, 4 and 2 filters."""
    generator, discriminator = pair()
    mapping = (6 * 5 + 5) + (5 * 5 + 5)

    def styled(inputs: int, outputs: int) -> int:
        return inputs * outputs * 9 + (5 * inputs + inputs) + 1 + outputs

    convs = 3 * styled(4, 4) + styled(4, 2) + styled(2, 2)
    to_rgb = sum(f * 3 + 3 + 5 * f + f for f in (4, 4, 2))
    assert parameters(generator) == mapping + 4 * 16 + convs + to_rgb == 897
    blocks = (2 * 2 * 9 + 2) + (2 * 4 * 9 + 4) + 2 * 4 + 2 * (4 * 4 * 9 + 4) + 4 * 4
    final = (5 * 4 * 9 + 4) + (4 * 16 * 4 + 4) + (4 + 1)
    assert parameters(discriminator) == (3 * 2 + 2) + blocks + final == 891


def test_classes_add_embeddings_and_nothing_else_does() -> None:
    plain, conditional = pair(), pair(classes=3)
    assert parameters(conditional[0]) - parameters(plain[0]) == 3 * 6 + 6 * 5
    assert parameters(conditional[1]) - parameters(plain[1]) == 3 * 4
    assert not any("embedding" in name for m in plain for name, _ in m.named_parameters())
    assert (plain[0].classes, conditional[0].classes) == (0, 3)


def test_filters_of_stylegan2_ada_and_of_config_f() -> None:
    filters = (512, 512, 512, 512, 256, 128, 64)
    assert StyleGan2().plan(Task(256, 3)).filters == filters
    assert StyleGan2(taper=64).plan(Task(256, 3)).filters == (512, *filters[:-1])


def test_every_style_is_used() -> None:
    generator, _ = pair()
    w_BLW = torch.randn(2, generator.layers, 5, requires_grad=True)
    generator.synthesis(w_BLW).square().sum().backward()
    assert generator.layers == 6
    assert w_BLW.grad is not None
    assert (w_BLW.grad.abs().sum((0, 2)) > 0).all()


def test_styles_reach_the_sizes_of_their_layers() -> None:
    """Styles 0 and 1 alone make the image of 4 px; the last alone makes none of it."""
    generator, _ = pair()
    w_BLW = torch.randn(1, 6, 5)
    images: list[Tensor] = []
    generator.to_rgb["0"].register_forward_hook(lambda *parts: images.append(parts[2]))
    for layer in range(6):
        changed = w_BLW.clone()
        changed[:, layer] += 1.0
        generator.linear(w_BLW)
        generator.linear(changed)
        before, after = images[-2:]
        assert torch.equal(before, after) == (layer > 1)


def test_the_image_is_the_sum_of_all_sizes() -> None:
    generator, _ = pair()
    parts: list[Tensor] = []
    for layer in generator.to_rgb.values():
        layer.register_forward_hook(lambda *call: parts.append(call[2]))
    image = generator.linear(torch.randn(2, 6, 5))
    four, eight, sixteen = parts
    assert [part.shape[-1] for part in parts] == [4, 8, 16]
    assert torch.allclose(image, enlarge(enlarge(four) + eight) + sixteen, atol=1e-6)


def test_images_are_cut_off_when_drawn_only() -> None:
    generator, _ = pair()
    with torch.no_grad():
        generator.to_rgb["0"].modulated.conv.bias.fill_(3.0)
    z_BZ = torch.randn(2, 6)
    assert float(generator(z_BZ).detach().max()) > 2.0
    generator.eval()
    assert float(generator(z_BZ).detach().max()) == 1.0


def test_a_residual_block_by_its_formula() -> None:
    torch.manual_seed(0)
    block = ResidualHalving(3, 5)
    x = torch.randn(2, 3, 8, 8)
    gain = math.sqrt(2)
    y = functional.leaky_relu(block.keep(x), 0.2)
    down = functional.conv2d(block.down.smooth(y), block.down.weight / math.sqrt(27), stride=2)
    y = functional.leaky_relu(down, 0.2) * gain
    skip = functional.conv2d(block.smooth(x), block.skip.weight / math.sqrt(3))
    assert torch.allclose(block(x), (y + skip) / gain, atol=1e-5)


# -- path length regularisation ------------------------------------------------------------------


def test_path_lengths_of_a_linear_synthesis_by_hand() -> None:
    """One pixel, w times (3, 4) summed over two layers: |J^T y| of each layer is 5 |y|."""
    w_BLW = torch.randn(3, 2, 2, requires_grad=True)
    x_BCHW = (w_BLW * torch.tensor([3.0, 4.0])).sum((1, 2)).reshape(3, 1, 1, 1)
    torch.manual_seed(5)
    lengths_B = path_lengths(x_BCHW, w_BLW)
    torch.manual_seed(5)
    y_B = torch.randn(3, 1, 1, 1).flatten()
    assert torch.allclose(lengths_B, 5 * y_B.abs(), atol=1e-4)


def test_path_length_of_a_scaling_is_its_factor() -> None:
    """Equation 4 for J = 7: y has the expected square of 1, so that the length is 7."""
    torch.manual_seed(0)
    w_BLW = torch.randn(4, 1, 32 * 32, requires_grad=True)
    lengths_B = path_lengths(7 * w_BLW.reshape(4, 1, 32, 32), w_BLW)
    assert lengths_B.tolist() == pytest.approx([7.0] * 4, rel=0.1)


def test_path_penalty_and_its_mean_by_hand() -> None:
    mean = torch.tensor(1.0)
    penalty = path_penalty(torch.tensor([2.0, 6.0]), mean)
    assert float(mean) == pytest.approx(1.03)  # 1 + 0.01 * (4 - 1)
    assert float(penalty) == pytest.approx((0.97**2 + 4.97**2) / 2)
    path_penalty(torch.tensor([2.0, 6.0]), mean)
    assert float(mean) == pytest.approx(1.0597)


def test_own_loss_is_path_regularisation_every_fourth_step() -> None:
    generator, _ = pair(mixing=0.0)
    assert [generator.own_loss(8, step) is None for step in range(6)] == [
        False,
        True,
        True,
        True,
        False,
        True,
    ]
    twin = copy.deepcopy(generator)
    torch.manual_seed(3)
    own = generator.own_loss(8, 4)
    torch.manual_seed(3)
    w_BLW = twin.mapping(torch.randn(4, 6))[:, None].expand(-1, 6, -1)  # half of the batch
    lengths_B = path_lengths(twin.linear(w_BLW), w_BLW)
    moved = torch.lerp(twin.mean_length, lengths_B.mean(), 0.01)
    assert own is not None
    assert torch.allclose(generator.mean_length, moved)
    assert torch.allclose(own, 2 * 4 * (lengths_B - moved).square().mean())
    assert torch.equal(generator.mean_W, twin.mean_W)


def test_own_loss_can_be_off_and_takes_any_batch() -> None:
    assert pair(path_weight=0.0)[0].own_loss(8, 0) is None
    generator, _ = pair(classes=3, path_shrink=8)
    own = generator.own_loss(2, 0, torch.tensor([2, 1]))
    assert own is not None
    assert bool(own.isfinite())


def slope(function: Callable[[], Tensor], parameter: nn.Parameter) -> tuple[float, float]:
    """The derivative in a random direction, by autograd and by central differences."""
    direction = torch.randn(parameter.shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(function(), parameter)
    ends = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            parameter += step * direction
        ends.append(float(function().detach()))
        with torch.no_grad():
            parameter -= step * direction
    return float((gradient * direction).sum()), (ends[0] - ends[1]) / 2e-6


def test_path_lengths_are_differentiated_rightly() -> None:
    generator = pair(mixing=0.0)[0].double()
    z_BZ = torch.randn(3, 6, dtype=torch.float64)

    def lengths() -> Tensor:
        torch.manual_seed(2)
        w_BLW = generator.mapping(z_BZ)[:, None].expand(-1, 6, -1)
        return path_lengths(generator.linear(w_BLW), w_BLW).sum()

    own = dict(generator.named_parameters())
    for name in (
        "constant",
        "mapper.layers.0.weight",
        "grow.1.modulated.conv.weight",
        "grow.1.modulated.affine.weight",
        "keep.2.bias",
        "to_rgb.1.modulated.conv.weight",
    ):
        by_autograd, by_differences = slope(lengths, own[name])
        assert by_autograd == pytest.approx(by_differences, rel=1e-4, abs=1e-6), name


def test_r1_can_be_taken_through_d() -> None:
    discriminator = pair()[1].double()
    x_BCHW = torch.randn(4, 3, 16, 16, dtype=torch.float64, requires_grad=True)

    def penalty() -> Tensor:
        logits_B = discriminator(x_BCHW)
        (gradient,) = torch.autograd.grad(logits_B.sum(), x_BCHW, create_graph=True)
        return gradient.square().sum()

    for name, parameter in discriminator.named_parameters():
        if name != "head.bias":  # the gradient does not depend on it
            by_autograd, by_differences = slope(penalty, parameter)
            assert by_autograd == pytest.approx(by_differences, rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize("classes", [0, 3])
def test_every_parameter_learns_in_the_first_step(classes: int) -> None:
    """The strengths of the noise as well, which begin at 0."""
    generator, discriminator = pair(classes=classes)
    labels = [torch.arange(8) % 3] if classes else []
    loss = discriminator(generator(torch.randn(8, 6), *labels), *labels).square().sum()
    own = generator.own_loss(8, 0, *labels)
    assert own is not None
    (loss + own).backward()
    for module in (generator, discriminator):
        assert all(p.grad is not None and p.grad.any() for p in module.parameters())


# -- classes -------------------------------------------------------------------------------------


def test_labels_change_images_and_logits() -> None:
    generator, discriminator = pair(classes=3)
    generator.eval()
    z_BZ = torch.randn(2, 6)
    images = [generator(z_BZ, torch.full((2,), y)) for y in range(3)]
    assert not torch.allclose(images[0], images[1], atol=1e-3)
    assert not torch.allclose(images[0], images[2], atol=1e-3)
    zero_B, one_B = (discriminator(images[0], torch.full((2,), y)) for y in (0, 1))
    features_BC = discriminator.final(discriminator.blocks(discriminator.from_rgb(images[0])))
    assert discriminator.embedding is not None
    towards_C = discriminator.embedding.weight[1] - discriminator.embedding.weight[0]
    assert torch.allclose(one_B - zero_B, features_BC @ towards_C / 2, atol=1e-5)  # root of 4


def test_mixed_latents_have_one_label() -> None:
    generator, _ = pair(classes=3, mixing=1.0)
    seen: list[Tensor] = []
    assert generator.mapper.embedding is not None
    generator.mapper.embedding.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0]))
    y_B = torch.tensor([0, 2, 1])
    generator(torch.randn(3, 6), y_B)
    assert len(seen) == 2
    assert all(torch.equal(own, y_B) for own in seen)


def test_labels_are_asked_for() -> None:
    generator, discriminator = pair(classes=3)
    with pytest.raises(ValueError, match="3 classes needs labels"):
        generator(torch.randn(2, 6))
    with pytest.raises(ValueError, match="3 classes needs labels"):
        discriminator(torch.randn(2, 3, 16, 16))
