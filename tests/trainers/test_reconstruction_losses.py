"""Losses of autoencoders against values worked out by hand and torch's distributions."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from animesearch.trainers.losses import LOSSES, AutoencoderLoss
from animesearch.trainers.losses.reconstruction import divergence
from animesearch.trainers.modules.networks import Code

NAMES = [spec.component_name() for spec in LOSSES if spec.kind == "autoencoder"]


def built(name: str, **options: Any) -> AutoencoderLoss[Any]:
    return cast(AutoencoderLoss[Any], LOSSES.parse({"name": name, **options}).build())


def doubles(*shape: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()


X = torch.zeros(2, 1, 1, 2)
X_HAT = torch.tensor([[1.0, -2.0], [0.0, 3.0]]).view(2, 1, 1, 2)
NO_CODE = Code(torch.full((2, 3), torch.nan), None)


@pytest.mark.parametrize(
    ("name", "reduction", "expected"),
    [
        ("mse", "sum", ((1 + 4) + (0 + 9)) / 2),
        ("mse", "mean", (1 + 4 + 0 + 9) / 4),
        ("mae", "sum", ((1 + 2) + (0 + 3)) / 2),
        ("mae", "mean", (1 + 2 + 0 + 3) / 4),
    ],
)
def test_errors_by_hand(name: str, reduction: str, expected: float) -> None:
    loss = built(name, reduction=reduction)
    assert float(loss.reconstruction(X, X_HAT)) == expected
    assert float(loss.reconstruction(X_HAT, X)) == expected
    assert float(loss.objective(NO_CODE, X, X_HAT)) == expected
    if reduction == "sum":
        assert LOSSES.parse({"name": name, "reduction": reduction}) == LOSSES.parse(name)


@pytest.mark.parametrize(
    ("mean", "log_var", "expected"),
    [
        ([[0.0, 0.0]], [[0.0, 0.0]], 0.0),
        # Half the squared mean of each dimension.
        ([[2.0, 3.0]], [[0.0, 0.0]], (4 + 9) / 2),
        # Variance e: (e - 1 - 1) / 2; variance 4: (4 - ln 4 - 1) / 2.
        ([[0.0, 0.0]], [[1.0, math.log(4)]], (math.e - 2 + 3 - math.log(4)) / 2),
        # The mean over the batch.
        ([[2.0], [0.0]], [[0.0], [0.0]], 2 / 2),
    ],
)
def test_divergence_by_hand(
    mean: list[list[float]], log_var: list[list[float]], expected: float
) -> None:
    value = divergence(torch.tensor(mean), torch.tensor(log_var))
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_divergence_is_that_of_torch() -> None:
    mean_BZ, log_var_BZ = doubles(7, 5, seed=1), doubles(7, 5, seed=2)
    code, prior = Normal(mean_BZ, (log_var_BZ / 2).exp()), Normal(0.0, 1.0)
    expected = kl_divergence(code, prior).sum(1).mean()
    assert float(divergence(mean_BZ, log_var_BZ).detach()) == pytest.approx(
        float(expected.detach()), rel=1e-12
    )


def test_divergence_near_and_far() -> None:
    mean_BZ = torch.zeros(1, 2)
    # x^2 / 4 each for a small log variance x, of which float32 loses a tenth in e^x - 1 - x.
    tiny = divergence(mean_BZ, torch.full((1, 2), 1e-3))
    assert float(tiny) == pytest.approx(2 * 1e-6 / 4, rel=1e-2)
    for log_var in (-1e4, 80.0):
        assert math.isfinite(float(divergence(mean_BZ, torch.full((1, 2), log_var))))


@pytest.mark.parametrize("name", NAMES)
def test_objective_weighs_the_divergence(name: str) -> None:
    code = Code(torch.tensor([[2.0, 3.0]]), torch.zeros(1, 2))
    loss = built(name, kl=0.5)
    error = float(loss.reconstruction(X, X_HAT))
    assert float(loss.objective(code, X, X_HAT)) == pytest.approx(error + 0.5 * 6.5)
    assert float(built(name).objective(code, X, X_HAT)) == pytest.approx(error)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    loss = built(name, kl=0.7)
    inputs = doubles(2, 3, seed=1), doubles(2, 3, seed=2), doubles(2, 1, 2, 2, seed=3)
    x_BCHW = doubles(2, 1, 2, 2, seed=4).detach()

    def objective(mean_BZ: Tensor, log_var_BZ: Tensor, x_hat_BCHW: Tensor) -> Tensor:
        return loss.objective(Code(mean_BZ, log_var_BZ), x_BCHW, x_hat_BCHW)

    assert torch.autograd.gradcheck(objective, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_reconstruction_costs_nothing(name: str) -> None:
    x_hat = X_HAT.clone().requires_grad_()
    loss = built(name).reconstruction(X_HAT, x_hat)
    assert float(loss.detach()) == 0.0
    (slope_BCHW,) = torch.autograd.grad(loss, x_hat)
    assert not slope_BCHW.any()


@pytest.mark.parametrize("name", NAMES)
def test_a_variance_is_needed_for_the_divergence_alone(name: str) -> None:
    assert LOSSES.parse({"name": name, "kl": 1e-6}).needs_variational
    assert not LOSSES.parse(name).needs_variational


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("option", [{"kl": -0.1}, {"kl": math.inf}, {"reduction": "median"}])
def test_refused_options(name: str, option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        LOSSES.parse({"name": name, **option})
    assert [error["loc"] for error in caught.value.errors()] == [tuple(option)]
