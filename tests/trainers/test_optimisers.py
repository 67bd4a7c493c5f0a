"""Optimisers: their formulas by hand, their options, and their states."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn, optim

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.optimisers import OPTIMISERS, OptimiserSpec

GRADIENTS = (0.5, -2.0, 1.0)
START = 3.0


def spec(name: str, **options: Any) -> OptimiserSpec:
    return OPTIMISERS.parse({"name": name, **options})


def walked(options: OptimiserSpec) -> list[float]:
    """One weight under three gradients."""
    weight = nn.Parameter(torch.tensor([START], dtype=torch.float64))
    optimiser = options.build([weight])
    places = []
    for gradient in GRADIENTS:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimiser.step()
        places.append(float(weight.detach()))
    return places


def adam(lr: float, beta1: float, beta2: float, decay: float = 0.0) -> list[float]:
    """Kingma 2015, algorithm 1; Loshchilov 2019, algorithm 2 for the decay."""
    w, m, v, places = START, 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        w -= lr * decay * w
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w -= lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + 1e-8)
        places.append(w)
    return places


def rmsprop(lr: float, alpha: float, momentum: float) -> list[float]:
    """Divide by the root of the running mean of squares; then momentum on the quotient."""
    w, v, b, places = START, 0.0, 0.0, []
    for g in GRADIENTS:
        v = alpha * v + (1 - alpha) * g * g
        b = momentum * b + g / (math.sqrt(v) + 1e-8)
        w -= lr * b
        places.append(w)
    return places


def sgd(lr: float, momentum: float, nesterov: bool) -> list[float]:
    """The velocity; with Nesterov's the gradient of the place where it leads."""
    w, b, places = START, 0.0, []
    for g in GRADIENTS:
        b = momentum * b + g
        w -= lr * (g + momentum * b if nesterov else b)
        places.append(w)
    return places


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # The first step of Adam is lr itself, whatever the gradient.
        ({"name": "adam", "lr": 0.1, "beta1": 0.0, "beta2": 0.9}, adam(0.1, 0.0, 0.9)),
        ({"name": "adam", "lr": 0.1}, adam(0.1, 0.5, 0.999)),
        ({"name": "adamw", "lr": 0.1, "weight_decay": 0.5}, adam(0.1, 0.5, 0.999, 0.5)),
        ({"name": "adamw", "lr": 0.1, "beta1": 0.9, "weight_decay": 0.0}, adam(0.1, 0.9, 0.999)),
        ({"name": "rmsprop", "lr": 0.1, "alpha": 0.9}, rmsprop(0.1, 0.9, 0.0)),
        ({"name": "rmsprop", "lr": 0.1, "momentum": 0.5}, rmsprop(0.1, 0.99, 0.5)),
        ({"name": "sgd", "lr": 0.1, "momentum": 0.0}, sgd(0.1, 0.0, False)),
        ({"name": "sgd", "lr": 0.1, "momentum": 0.5}, sgd(0.1, 0.5, False)),
        ({"name": "sgd", "lr": 0.1, "momentum": 0.5, "nesterov": True}, sgd(0.1, 0.5, True)),
    ],
)
def test_formulas(options: dict[str, Any], expected: list[float]) -> None:
    assert walked(OPTIMISERS.parse(options)) == pytest.approx(expected, rel=1e-6)


def test_first_steps_in_figures() -> None:
    """Adam 3 - 0.1; AdamW 3 - 0.1 * 0.5 * 3 - 0.1; RMSprop 3 - 0.1 / 0.1 (root of 1 % of g^2)."""
    assert walked(spec("adam", lr=0.1))[0] == pytest.approx(2.9)
    assert walked(spec("adamw", lr=0.1, weight_decay=0.5))[0] == pytest.approx(2.75)
    assert walked(spec("rmsprop", lr=0.1))[0] == pytest.approx(2.0, abs=1e-6)
    assert walked(spec("sgd", lr=0.1))[:2] == pytest.approx([2.95, 2.95 - 0.1 * (0.45 - 2.0)])


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMISERS.names())
def test_group_is_what_stands_in_the_groups(name: str) -> None:
    options = spec(name)
    (group,) = options.build([nn.Parameter(torch.ones(2))]).param_groups
    assert options.group().items() <= group.items()
    own = set(type(options).model_fields) - {"name", "clip", "max_norm", "beta1", "beta2"}
    assert own <= options.group().keys()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (name, options)
        for name in OPTIMISERS.names()
        for options in ({"lr": 0.0}, {"lr": -1.0}, {"lr": math.inf}, {"clip": 0}, {"max_norm": -1})
    ]
    + [
        ("adam", {"beta1": 1.0}),
        ("adam", {"weight_decay": 0.1}),
        ("adamw", {"weight_decay": -0.1}),
        ("rmsprop", {"alpha": 1.0}),
        ("rmsprop", {"momentum": -0.1}),
        ("sgd", {"momentum": 1.0}),
        ("sgd", {"momentum": 0.0, "nesterov": True}),
    ],
)
def test_refused_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(name, **options)


# -- states ----------------------------------------------------------------------------------------


def network() -> nn.Module:
    torch.manual_seed(0)
    built = ARCHITECTURES.parse({"name": "penn-dcgan", "width": 4, "latent": 8}).build(16, 3)
    return built.to(torch.device("cpu")).discriminator


def loss(module: nn.Module, step: int) -> Tensor:
    x_BCHW = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(step))
    value: Tensor = module(x_BCHW).square().mean()
    return value


def descend(module: nn.Module, optimiser: optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimiser.zero_grad()
        loss(module, step).backward()
        optimiser.step()


@pytest.mark.parametrize("layout", ["as saved", "channels first"])
@pytest.mark.parametrize("name", OPTIMISERS.names())
def test_a_state_goes_on_where_it_was_saved(name: str, layout: str) -> None:
    """In another network, and from a device where weights lie otherwise in memory."""
    options = spec(name, lr=1e-3)
    module = network()
    optimiser = options.build(module.parameters())
    descend(module, optimiser, range(3))
    saved = copy.deepcopy(optimiser.state_dict())
    twin = copy.deepcopy(module)
    if layout == "channels first":
        for state in saved["state"].values():
            state.update({key: value.contiguous() for key, value in state.items()})
    descend(module, optimiser, range(3, 6))
    again = options.build(twin.parameters())
    again.load_state_dict(saved)
    descend(twin, again, range(3, 6))
    for left, right in zip(module.parameters(), twin.parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", OPTIMISERS.names())
def test_descends(name: str) -> None:
    module = network()
    before = float(loss(module, 0).detach())
    optimiser = spec(name, lr=1e-3).build(module.parameters())
    for _ in range(20):
        descend(module, optimiser, range(1))
    assert float(loss(module, 0).detach()) < 0.7 * before
