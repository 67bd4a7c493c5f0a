"""Losses against values worked out by hand, and gradients against finite differences."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.losses import LOSSES, GanLoss
from animesearch.trainers.losses.least_squares import squared_error
from animesearch.trainers.losses.non_saturating import cross_entropy
from animesearch.trainers.losses.wgan_gp import gradient_penalty
from animesearch.trainers.modules.networks import PlainDiscriminator

LN2 = math.log(2)


def built(name: str, **options: Any) -> GanLoss[Any]:
    return LOSSES.parse({"name": name, **options}).build()


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("options", "loss_d", "loss_g"),
    [
        # D(x) = sigma(0) = 1/2, D(G(z)) = sigma(ln 3) = 3/4.
        ({"name": "ns"}, LN2 + 2 * LN2, math.log(4 / 3)),
        ({"name": "ns", "smoothing": "one-sided"}, LN2 + 2 * LN2, math.log(4 / 3)),
        # 0.1 * -ln(3/4) + 0.9 * -ln(1/4) on the fakes.
        (
            {"name": "ns", "smoothing": "fuzzy"},
            LN2 + 0.1 * math.log(4 / 3) + 1.8 * LN2,
            math.log(4 / 3),
        ),
    ],
)
def test_cross_entropies_by_hand(options: dict[str, str], loss_d: float, loss_g: float) -> None:
    loss = LOSSES.parse(options).build()
    real, fake = vector(0.0), vector(math.log(3))
    assert float(loss.d_loss(real, fake)) == pytest.approx(loss_d, abs=1e-12)
    assert float(loss.g_loss(fake)) == pytest.approx(loss_g, abs=1e-12)


def test_cross_entropy_is_least_at_its_label_and_finite_far_away() -> None:
    at_label = vector(math.log(9))  # sigma = 0.9
    assert float(cross_entropy(at_label, 0.9)) < float(cross_entropy(at_label + 0.1, 0.9))
    assert float(cross_entropy(at_label, 0.9)) < float(cross_entropy(at_label - 0.1, 0.9))
    assert float(cross_entropy(vector(-1000.0), 1.0)) == 1000.0


@pytest.mark.parametrize(
    ("options", "loss_d", "loss_g"),
    [
        # Reals at 2 and 0, fakes at 0.5: errors 1 and 1, 0.25; G: 0.25.
        ({"half": False}, 1.25, 0.25),
        ({"half": True}, 0.625, 0.125),
        # Label 0.9: errors 1.21 and 0.81, mean 1.01.
        ({"half": False, "smoothing": "one-sided"}, 1.26, 0.25),
        ({"half": False, "smoothing": "fuzzy"}, 1.01 + 0.16, 0.25),
    ],
)
def test_least_squares_by_hand(options: dict[str, Any], loss_d: float, loss_g: float) -> None:
    loss = built("lsgan", **options)
    fake = vector(0.5, 0.5)
    assert float(loss.d_loss(vector(2.0, 0.0), fake)) == pytest.approx(loss_d, abs=1e-12)
    assert float(loss.g_loss(fake)) == pytest.approx(loss_g, abs=1e-12)


def test_wasserstein_by_hand() -> None:
    loss = built("wgan-gp", drift=0.5)
    # 3 - 1 + 0.5 * mean(0, 4).
    assert float(loss.d_loss(vector(0.0, 2.0), vector(3.0, 3.0))) == pytest.approx(3.0)
    assert float(loss.g_loss(vector(3.0, 1.0))) == pytest.approx(-2.0)


def test_thresholds() -> None:
    assert {name: built(name).threshold for name in ("ns", "lsgan", "wgan-gp")} == {
        "ns": 0.0,
        "lsgan": 0.5,
        "wgan-gp": None,
    }
    for name, middle in (("ns", math.log(0.45 / 0.55)), ("lsgan", 0.45)):
        assert built(name, smoothing="fuzzy").threshold == built(name).threshold
        assert built(name, smoothing="one-sided").threshold == pytest.approx(middle)


def linear_critic(norm: float) -> PlainDiscriminator:
    """``D(x) = w x`` with ``|w| = norm``: its gradient is ``w`` everywhere."""
    layer = nn.Linear(12, 1, bias=False)
    weight = torch.full((1, 12), norm / math.sqrt(12))
    layer.weight = nn.Parameter(weight)
    return PlainDiscriminator(nn.Sequential(nn.Flatten(), layer))


@pytest.mark.parametrize(("norm", "expected"), [(1.0, 0.0), (3.0, 4.0), (0.5, 0.25)])
def test_gradient_penalty_of_a_linear_critic(norm: float, expected: float) -> None:
    x_BCHW = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    critic = linear_critic(norm)
    assert float(gradient_penalty(critic, x_BCHW).detach()) == pytest.approx(expected, abs=1e-5)
    rng = torch.Generator().manual_seed(0)
    weighted = built("wgan-gp", penalty=10).penalty(critic, x_BCHW, x_BCHW + 1, rng)
    assert weighted is not None
    assert weighted.dtype == torch.float32
    assert float(weighted.detach()) == pytest.approx(10 * expected, abs=1e-4)


def test_gradients_of_losses_agree_with_finite_differences() -> None:
    outputs = [torch.randn(6, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    for spec in LOSSES:
        loss = LOSSES.parse(spec.component_name()).build()
        assert torch.autograd.gradcheck(loss.d_loss, outputs)
        assert torch.autograd.gradcheck(loss.g_loss, outputs[:1])
    assert torch.autograd.gradcheck(lambda x: squared_error(x, 0.3), outputs[:1])


def test_gradient_of_the_penalty_agrees_with_finite_differences() -> None:
    """Its gradient by D's weights is a second derivative."""
    x_BCHW = torch.randn(3, 1, 2, 2, dtype=torch.float64)
    weights = (
        torch.randn(4, 5, dtype=torch.float64, requires_grad=True),
        torch.randn(5, dtype=torch.float64, requires_grad=True),
    )

    def penalty(first: Tensor, second: Tensor) -> Tensor:
        return gradient_penalty(lambda x: torch.tanh(x.flatten(1) @ first) @ second, x_BCHW)

    assert torch.autograd.gradcheck(penalty, weights)


@pytest.mark.parametrize("name", ["ns", "lsgan"])
def test_labels_are_smoothed_for_d_only(name: str) -> None:
    fake = vector(0.3, -0.2)
    plain, fuzzy = built(name), built(name, smoothing="fuzzy")
    assert float(plain.g_loss(fake)) == float(fuzzy.g_loss(fake))
    assert float(plain.d_loss(fake + 1, fake)) != float(fuzzy.d_loss(fake + 1, fake))
