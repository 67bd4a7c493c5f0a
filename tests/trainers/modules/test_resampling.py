"""Doubling and halving with [1, 3, 3, 1]: both StyleGANs' definitions, by other means."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from animesearch.trainers.modules.resampling import DownConv, Smooth, UpConv, enlarge


def outer(*taps: float) -> Tensor:
    """The separable filter of these taps, its sum 1."""
    kernel_KK = torch.outer(torch.tensor(taps), torch.tensor(taps))
    return kernel_KK / kernel_KK.sum()


def filtered(x_BCHW: Tensor, kernel_KK: Tensor, padding: int) -> Tensor:
    """Each channel with the filter, one after the other."""
    channels = [
        functional.conv2d(x_BCHW[:, [c]], kernel_KK[None, None], padding=padding)
        for c in range(x_BCHW.shape[1])
    ]
    return torch.cat(channels, 1)


def inside(x_BCHW: Tensor, edge: int = 2) -> Tensor:
    return x_BCHW[:, :, edge:-edge, edge:-edge]


def test_the_filter_is_1_3_3_1() -> None:
    point = torch.zeros(1, 2, 7, 7)
    point[0, 1, 3, 3] = 64.0
    x = Smooth(padding=3)(point)
    one = torch.tensor([1.0, 3.0, 3.0, 1.0])
    expected = functional.pad(torch.outer(one, one), (3, 3, 3, 3))
    assert torch.allclose(x[0, 1], expected)
    assert not x[0, 0].any()


def test_a_constant_stays_constant() -> None:
    image = torch.full((2, 3, 8, 8), 0.7)
    assert torch.allclose(enlarge(image), torch.full((2, 3, 16, 16), 0.7))
    assert torch.allclose(inside(Smooth(padding=1)(image), 1), torch.tensor(0.7))
    small = Smooth(padding=1, stride=2)(image)
    assert small.shape == (2, 3, 4, 4)
    assert torch.allclose(inside(small, 1), torch.tensor(0.7))
    biased = Smooth(padding=1)(image, torch.tensor([0.0, 1.0, -0.7]))
    assert torch.allclose(inside(biased, 1)[0, :, 0, 0], torch.tensor([0.7, 1.7, 0.0]), atol=1e-6)


def test_enlarging_is_zeros_between_pixels_and_the_filter() -> None:
    """Karras 2020's upsampling of the skip images; at the edge pixels are repeated."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 6)
    apart = torch.zeros(2, 3, 12, 12)
    apart[:, :, ::2, ::2] = x
    padded = functional.pad(apart, (2, 1, 2, 1))
    assert torch.allclose(
        inside(enlarge(x)), inside(4 * filtered(padded, outer(1, 3, 3, 1), 0)), atol=1e-5
    )


def test_doubling_convolution_is_stylegans() -> None:
    """Nearest neighbours, a 3x3 convolution, then [1, 2, 1] (Karras 2019), but for the edge."""
    torch.manual_seed(0)
    conv = UpConv(3, 5, gain=1.3)
    torch.nn.init.normal_(conv.bias)
    x = torch.randn(2, 3, 6, 6)
    # A transposed convolution turns its kernel round.
    weights = conv.weight.flip(2, 3) * 1.3 / 27**0.5
    big = functional.conv2d(functional.interpolate(x, scale_factor=2), weights, padding=1)
    expected = filtered(big, outer(1, 2, 1), 1) + conv.bias[:, None, None]
    assert conv(x).shape == (2, 5, 12, 12)
    assert torch.allclose(inside(conv(x)), inside(expected), atol=1e-5)


def test_halving_convolution_is_stylegans() -> None:
    """[1, 2, 1], a 3x3 convolution, then means of 2x2 pixels (Karras 2019), but for the edge."""
    torch.manual_seed(0)
    conv = DownConv(3, 5, gain=1.3)
    torch.nn.init.normal_(conv.bias)
    x = torch.randn(2, 3, 12, 12)
    smooth = filtered(x, outer(1, 2, 1), 1)
    big = functional.conv2d(smooth, conv.weight * 1.3 / 27**0.5, conv.bias, padding=1)
    assert conv(x).shape == (2, 5, 6, 6)
    assert torch.allclose(inside(conv(x)), inside(functional.avg_pool2d(big, 2)), atol=1e-5)


@pytest.mark.parametrize("layer", [UpConv(2, 3, 1.0), DownConv(2, 3, 1.0)])
def test_the_filter_is_no_part_of_the_state(layer: torch.nn.Module) -> None:
    assert set(layer.state_dict()) == {"weight", "bias"}
