"""Adversarial losses against values worked out by hand, and gradients by finite differences."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from animesearch.trainers.losses import LOSSES, GanLoss
from animesearch.trainers.losses.base import DiscriminatorTerms
from animesearch.trainers.losses.least_squares import squared_error
from animesearch.trainers.losses.non_saturating import cross_entropy
from animesearch.trainers.modules.networks import PlainDiscriminator
from animesearch.trainers.penalties import PENALTIES

LN2, LN3 = math.log(2), math.log(3)
ADVERSARIAL = [spec.component_name() for spec in LOSSES if spec.kind == "adversarial"]


def built(name: str, **options: Any) -> GanLoss[Any]:
    return cast(GanLoss[Any], LOSSES.parse({"name": name, **options}).build())


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def terms(real_B: Tensor, fake_B: Tensor) -> DiscriminatorTerms:
    return DiscriminatorTerms(real_B.mean(), real_B, fake_B)


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "loss_d", "loss_g"),
    [
        # D(x) = sigma(0) = 1/2, D(G(z)) = sigma(ln 3) = 3/4: -ln(1/2) - ln(1/4); -ln(3/4).
        ({"name": "ns"}, LN2 + 2 * LN2, math.log(4 / 3)),
        ({"name": "ns", "smoothing": "one-sided"}, LN2 + 2 * LN2, math.log(4 / 3)),
        # 0.1 * -ln(3/4) + 0.9 * -ln(1/4) on the fakes.
        (
            {"name": "ns", "smoothing": "fuzzy"},
            LN2 + 0.1 * math.log(4 / 3) + 1.8 * LN2,
            math.log(4 / 3),
        ),
        # The same D; G: ln(1 - 3/4).
        ({"name": "mm"}, 3 * LN2, -2 * LN2),
        (
            {"name": "mm", "smoothing": "fuzzy"},
            LN2 + 0.1 * math.log(4 / 3) + 1.8 * LN2,
            -2 * LN2,
        ),
        ({"name": "dragan"}, 3 * LN2, math.log(4 / 3)),
        ({"name": "dragan", "saturating": True}, 3 * LN2, -2 * LN2),
        # max(0, 1 - 0) + max(0, 1 + ln 3).
        ({"name": "hinge"}, 2 + LN3, -LN3),
        ({"name": "wgan"}, LN3, -LN3),
        # softplus(ln 3 - 0) = ln(1 + 3); G against a real at 0: ln(1 + 1/3).
        ({"name": "rpgan"}, 2 * LN2, math.log(4 / 3)),
    ],
)
def test_values_by_hand(options: dict[str, Any], loss_d: float, loss_g: float) -> None:
    loss = built(**options)
    real, fake = vector(0.0), vector(LN3)
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


def test_hinge_leaves_what_is_beyond_its_margin() -> None:
    real, fake = vector(1.0, 5.0).requires_grad_(), vector(-1.5, 0.5).requires_grad_()
    loss = built("hinge").d_loss(real, fake)
    # Reals: 0 and 0; fakes: 0 and 1.5.
    assert float(loss.detach()) == 0.75
    assert [g.tolist() for g in torch.autograd.grad(loss, (real, fake))] == [[0, 0], [0, 0.5]]


def test_only_the_minimax_generator_is_left_without_a_gradient_where_d_is_sure() -> None:
    fake = vector(-10.0).requires_grad_()
    slopes = {
        name: float(torch.autograd.grad(built(name).g_loss(fake), fake)[0]) for name in ("ns", "mm")
    }
    # -(1 - sigma(-10)) and -sigma(-10); sigma(-10) = 1 / (1 + e^10).
    sigma = 1 / (1 + math.exp(10))
    assert slopes == pytest.approx({"ns": sigma - 1, "mm": -sigma}, rel=1e-12)


# -- thresholds and labels -------------------------------------------------------------------------


def test_thresholds() -> None:
    middles = {"ns": 0.0, "mm": 0.0, "dragan": 0.0, "hinge": 0.0, "lsgan": 0.5}
    none = dict.fromkeys(("wgan", "wgan-gp", "began", "rpgan"))
    assert middles | none == {name: built(name).threshold for name in middles | none}
    smoothed = dict.fromkeys(("ns", "mm", "dragan"), math.log(0.45 / 0.55)) | {"lsgan": 0.45}
    for name, middle in smoothed.items():
        assert built(name, smoothing="fuzzy").threshold == built(name).threshold
        assert built(name, smoothing="one-sided").threshold == pytest.approx(middle)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_loss_that_classifies_has_a_threshold(name: str) -> None:
    assert LOSSES.get(name).classifies == (built(name).threshold is not None)


@pytest.mark.parametrize("name", ["ns", "mm", "dragan", "lsgan"])
def test_labels_are_smoothed_for_d_only(name: str) -> None:
    fake = vector(0.3, -0.2)
    plain, fuzzy = built(name), built(name, smoothing="fuzzy")
    assert float(plain.g_loss(fake)) == float(fuzzy.g_loss(fake))
    assert float(plain.d_loss(fake + 1, fake)) != float(fuzzy.d_loss(fake + 1, fake))


@pytest.mark.parametrize("name", ["ns", "mm", "dragan"])
def test_probabilities_are_what_people_read(name: str) -> None:
    assert built(name).readable(vector(LN3)).tolist() == pytest.approx([0.75])


# -- every loss ------------------------------------------------------------------------------------


def tanh_critic(first: Tensor, second: Tensor) -> Any:
    return lambda x_BCHW: torch.tanh(x_BCHW.flatten(1) @ first) @ second


def doubles(*shape: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    loss = built(name)
    loss.observe(terms(vector(-2.0, -3.0), vector(-0.5, -0.1)))
    outputs = [doubles(6, seed=1), doubles(6, seed=2)]
    assert torch.autograd.gradcheck(loss.d_loss, outputs)
    assert torch.autograd.gradcheck(loss.g_loss, outputs[:1])


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_objectives_agree_with_finite_differences(name: str) -> None:
    """By D's weights, penalties included, and by the fakes that G has drawn."""
    loss = built(name)
    loss.observe(terms(vector(-2.0, -3.0), vector(-0.5, -0.1)))
    x_real, x_fake = (doubles(3, 1, 2, 2, seed=seed).detach() for seed in (1, 2))
    weights = doubles(4, 5, seed=3), doubles(5, seed=4)

    def d_objective(*weights: Tensor) -> Tensor:
        return loss.d_objective(tanh_critic(*weights), x_real, x_fake, seeded()).loss

    def g_objective(x_BCHW: Tensor) -> Tensor:
        return loss.g_objective(tanh_critic(*weights), x_BCHW, x_real)

    assert torch.autograd.gradcheck(d_objective, weights)
    assert torch.autograd.gradcheck(g_objective, (x_fake.requires_grad_(),))


def test_gradient_of_squared_error() -> None:
    assert torch.autograd.gradcheck(lambda x: squared_error(x, 0.3), doubles(6, seed=0))


@pytest.mark.parametrize("name", ADVERSARIAL)
@pytest.mark.parametrize("size", [0.0, 1e4])
def test_far_outputs_stay_finite(name: str, size: float) -> None:
    loss = built(name)
    for signs in [(1, 1), (1, -1), (-1, 1), (-1, -1)]:
        real_B, fake_B = (torch.full((3,), sign * size, requires_grad=True) for sign in signs)
        for scalar in (loss.d_loss(real_B, fake_B), loss.g_loss(fake_B)):
            gradients = torch.autograd.grad(
                scalar, (real_B, fake_B), allow_unused=True, retain_graph=True
            )
            values = [scalar, *(g for g in gradients if g is not None)]
            assert all(bool(value.isfinite().all()) for value in values)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_g_is_told_to_raise_d_s_output(name: str) -> None:
    fake_B = vector(-0.3, 0.2).requires_grad_()
    (slope_B,) = torch.autograd.grad(built(name).g_loss(fake_B), fake_B)
    assert bool((slope_B < 0).all())


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_state_carries_over(name: str) -> None:
    first, second = built(name), built(name)
    for _ in range(3):
        first.observe(terms(vector(-8.0, -9.0), vector(-0.5, -0.1)))
    second.load(first.state())
    real_B, fake_B = vector(-1.0, -2.0), vector(-3.0, -4.0)
    assert torch.equal(first.d_loss(real_B, fake_B), second.d_loss(real_B, fake_B))


@pytest.mark.parametrize(
    "options",
    [
        {"name": "mm", "smoothing": "two-sided"},
        {"name": "wgan", "clip": 0},
        {"name": "wgan", "clip": -0.01},
        {"name": "wgan-gp", "penalty": 0},
        {"name": "wgan-gp", "drift": -1},
        {"name": "dragan", "penalty": 0},
        {"name": "dragan", "spread": 0},
        {"name": "dragan", "noise": "salt"},
        {"name": "began", "gamma": 1.01},
        {"name": "began", "gamma": -0.01},
        {"name": "began", "gain": 0},
        {"name": "began", "gain": 2},
        {"name": "hinge", "smoothing": "fuzzy"},
        {"name": "rpgan", "penalty": 1},
    ],
)
def test_refused_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        LOSSES.parse(options)
    (field,) = set(options) - {"name"}
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


# -- those that do more than two means -------------------------------------------------------------


def test_wgan_clips_every_parameter_and_nothing_else() -> None:
    body = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1))
    discriminator = PlainDiscriminator(body)
    with torch.no_grad():
        body[0].weight.copy_(torch.tensor([0.5, -0.003]).view(2, 1, 1, 1))
        body[0].bias.copy_(torch.tensor([-0.5, 0.02]))
    built("wgan", clip=0.01).after_d_step(discriminator)
    assert body[0].weight.flatten().tolist() == pytest.approx([0.01, -0.003])
    assert body[0].bias.tolist() == pytest.approx([-0.01, 0.01])
    assert body[1].weight.tolist() == pytest.approx([0.01, 0.01])  # from 1
    assert all(float(p.detach().abs().max()) <= 0.01 + 1e-9 for p in discriminator.parameters())
    assert body[1].running_var.tolist() == [1, 1]
    assert all(p.requires_grad for p in discriminator.parameters())


@pytest.mark.parametrize(("norm", "expected"), [(1.0, 0.0), (3.0, 4.0), (0.5, 0.25)])
@pytest.mark.parametrize("name", ["wgan-gp", "dragan"])
def test_gradient_penalties_of_a_linear_critic(name: str, norm: float, expected: float) -> None:
    """``D(x) = w x`` with ``|w| = norm``: its gradient is ``w`` everywhere."""
    layer = nn.Linear(12, 1, bias=False)
    layer.weight = nn.Parameter(torch.full((1, 12), norm / math.sqrt(12)))
    critic = PlainDiscriminator(nn.Sequential(nn.Flatten(), layer))
    x_BCHW = torch.randn(5, 3, 2, 2, generator=seeded())
    loss = built(name, penalty=7)
    penalty = loss.penalty(critic, x_BCHW, x_BCHW + 1, seeded())
    assert penalty is not None
    assert penalty.dtype == torch.float32
    assert float(penalty.detach()) == pytest.approx(7 * expected, abs=1e-4)
    whole = loss.d_objective(critic, x_BCHW, x_BCHW + 1, seeded())
    plain = loss.d_loss(whole.real_B, whole.fake_B)
    assert float(whole.loss.detach()) == pytest.approx(float(plain) + 7 * expected, abs=1e-4)


@pytest.mark.parametrize("noise", ["uniform", "normal"])
def test_dragan_is_ns_with_its_penalty(noise: str) -> None:
    critic = tanh_critic(doubles(4, 5, seed=3), doubles(5, seed=4))
    x_real, x_fake = doubles(6, 1, 2, 2, seed=1).detach(), doubles(6, 1, 2, 2, seed=2).detach()
    options = {"noise": noise, "spread": 0.5}
    whole = built("dragan", penalty=3, **options).d_objective(critic, x_real, x_fake, seeded())
    plain = built("ns").d_objective(critic, x_real, x_fake, seeded())
    term = PENALTIES.parse({"name": "dragan-gp", **options}).build()
    expected = plain.loss + 3 * term(critic, x_real, x_fake, seeded())
    assert float(whole.loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)


def test_relativistic_pairs() -> None:
    loss = built("rpgan")
    real_B, fake_B = doubles(5, seed=1).detach(), doubles(5, seed=2).detach()
    d, swapped = loss.d_loss(real_B, fake_B), loss.d_loss(fake_B, real_B)
    # softplus(t) - softplus(-t) = t: the roles change the sign of all but the even part.
    assert float(d - swapped) == pytest.approx(float((fake_B - real_B).mean()), rel=1e-12)
    assert float(loss.d_loss(real_B + 3, fake_B + 3)) == pytest.approx(float(d), rel=1e-12)
    order = torch.tensor([1, 0, 2, 3, 4])
    assert float(loss.d_loss(real_B[order], fake_B)) != pytest.approx(float(d), rel=1e-6)


def test_the_relativistic_generator_sees_the_reals_but_changes_nothing_through_them() -> None:
    x_real, x_fake = vector(1.0, -2.0).requires_grad_(), vector(0.5, 0.5).requires_grad_()
    loss = built("rpgan").g_objective(lambda x: 1.0 * x, x_fake, x_real)
    # Fake less real: -0.5 and 2.5.
    by_hand = (math.log(1 + math.exp(0.5)) + math.log(1 + math.exp(-2.5))) / 2
    assert float(loss.detach()) == pytest.approx(by_hand, rel=1e-12)
    loss.backward()
    assert x_real.grad is None
    assert x_fake.grad is not None


def test_began_by_hand() -> None:
    loss = built("began", gamma=0.5, gain=0.1)
    loss.load({"k": torch.tensor(0.25)})
    # Errors: reals 2 and 4, fakes 1 and 1: 3 - 0.25 * 1.
    real_B, fake_B = vector(-2.0, -4.0), vector(-1.0, -1.0)
    assert float(loss.d_loss(real_B, fake_B)) == 2.75
    assert float(loss.g_loss(fake_B)) == 1.0


def test_began_s_balance_follows_the_errors_and_is_clamped() -> None:
    loss = built("began", gamma=0.5, gain=0.1)
    assert float(loss.state()["k"]) == 0.0
    seen = []
    # Errors of reals and fakes; k moves by 0.1 (0.5 real - fake).
    for real, fake in [(3.0, 1.0), (3.0, 1.0), (3.0, 1.7), (3.0, 4.0), (50.0, 1.0)]:
        loss.observe(terms(vector(-real), vector(-fake)))
        seen.append(float(loss.state()["k"]))
    assert seen == pytest.approx([0.05, 0.1, 0.08, 0.0, 1.0], abs=1e-6)


def test_began_s_balance_is_not_shared() -> None:
    first, second = built("began", gain=1), built("began", gain=1)
    second.load(first.state())
    first.observe(terms(vector(-1.0), vector(-0.1)))
    assert float(first.state()["k"]) == pytest.approx(0.4)
    assert float(second.state()["k"]) == 0.0
    assert not first.state()["k"].requires_grad
    assert LOSSES.get("began").needs_reconstruction
